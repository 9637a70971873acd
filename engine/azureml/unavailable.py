"""Names of the retired service's SDK v1 that have no counterpart here.

A script may import them: many import more than they use. Using one raises `NotAvailable`, which
says what to use instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar, NoReturn

from engine.errors import AutoMLError


class NotAvailable(AutoMLError, NotImplementedError):
    """Part of the retired service that cannot be had here; the message names the way instead."""


class _Refusing(type):
    """Class of classes that refuse to be called and to give attributes."""

    way: ClassVar[str] = ""

    def refuse(cls) -> NoReturn:
        raise NotAvailable(f"{cls.__name__} of the retired service is not available: {cls.way}")

    def __call__(cls, *arguments: object, **named: object) -> NoReturn:
        cls.refuse()

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        cls.refuse()


def unavailable(name: str, way: str) -> Any:
    """Return a stand-in for a class or function that is not available.

    Parameters
    ----------
    name:
        Name in the retired service's SDK.
    way:
        What to use instead, a clause without a full stop.

    Examples
    --------
    >>> Spark = unavailable("Spark", "read the files with Dataset.Tabular")
    >>> Spark(cores=4)
    Traceback (most recent call last):
    ...
    engine.azureml.unavailable.NotAvailable: Spark of the retired service is not available: read \
the files with Dataset.Tabular
    """
    return _Refusing(name, (), {"way": way, "__doc__": f"Not available: {way}."})


def unavailable_module(
    module: str, way: str, functions: Collection[str] = ()
) -> Callable[[str], Any]:
    """Return the function ``__getattr__`` of a module of which nothing is available.

    Parameters
    ----------
    module:
        Full name of the module.
    way:
        As of `unavailable`.
    functions:
        Names that do not begin with a capital letter, as those of classes do.

    Examples
    --------
    >>> getattr_ = unavailable_module("engine.azureml.pipeline.steps", "use AutoMLConfig")
    >>> getattr_("AutoMLStep").__name__
    'AutoMLStep'
    """

    def get(name: str) -> Any:
        if not (name[:1].isupper() or name in functions):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return unavailable(name, way)

    return get


#: What to use in place of larger parts of the retired service.
PIPELINES = (
    "call experiment.submit(AutoMLConfig(...)) where the pipeline had an AutoMLStep, and plain "
    "functions or Ray tasks where it had other steps"
)
SWEEPS = (
    "AutoMLConfig searches estimators and their parameters; to search parameters of a script of "
    "your own, use ray.tune"
)
#: What a parameter of a sweep could be drawn from.
EXPRESSIONS = (
    "choice",
    "lognormal",
    "loguniform",
    "normal",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "uniform",
)
SCRIPTS = "run the script itself, or on a cluster with `ray job submit`; AutoMLConfig trains models"
SPARK = "read the files with Dataset.Tabular, or give AutoMLConfig a Ray Dataset"
HUB = "download the data where there is a network and give AutoMLConfig the table or its path"
MANY_MODELS = "loop over the groups and submit an AutoMLConfig for each"
