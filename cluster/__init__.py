"""Compute targets: the Ray clusters that runs are driven on.

`ComputeTarget` creates, attaches and opens them, `AmlCompute` describes and changes those that
grow and shrink, `RunConfiguration` says what a run needs there. The package imports `engine.errors`
and nothing else of `engine`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import engine
from engine import model_copy

model_copy.take_from(__file__, engine.__file__)

if TYPE_CHECKING:
    from cluster.errors import ComputeTargetException
    from cluster.provisioning.run_configuration import (
        DEFAULT_CPU_IMAGE,
        DEFAULT_GPU_IMAGE,
        CondaDependencies,
        RunConfiguration,
    )
    from cluster.targets.compute_target import AmlCompute, ComputeTarget
    from cluster.targets.embedded import EmbeddedTarget

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "AmlCompute",
    "ComputeTarget",
    "ComputeTargetException",
    "CondaDependencies",
    "EmbeddedTarget",
    "RunConfiguration",
]

_ENVIRONMENT = "cluster.provisioning.run_configuration"
_MODULES = {
    "DEFAULT_CPU_IMAGE": _ENVIRONMENT,
    "DEFAULT_GPU_IMAGE": _ENVIRONMENT,
    "AmlCompute": "cluster.targets.compute_target",
    "ComputeTarget": "cluster.targets.compute_target",
    "ComputeTargetException": "cluster.errors",
    "CondaDependencies": _ENVIRONMENT,
    "EmbeddedTarget": "cluster.targets.embedded",
    "RunConfiguration": _ENVIRONMENT,
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a node's raylet needs few of them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
