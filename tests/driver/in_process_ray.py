"""The part of Ray that the driver uses, in this process: calls are made at once, by their caller.

It shows what the driver asks of Ray and does with the answers. That Ray keeps its side is for the
tests of the embedded cluster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import ray
from ray.core.generated.autoscaler_pb2 import (
    AutoscalingState,
    ClusterResourceConstraint,
    GetClusterStatusReply,
    ResourceRequest,
    ResourceRequestByCount,
)
from ray.core.generated.common_pb2 import (
    LabelSelector,
    LabelSelectorConstraint,
    LabelSelectorOperator,
)

NODE = {
    "NodeID": "a" * 56,
    "Alive": True,
    "NodeManagerAddress": "10.0.0.1",
    "Resources": {"CPU": 2.0, "memory": 4 * 2.0**30, "object_store_memory": 1000.0},
}


class Reference:
    """An object, an error, or a call that never returns."""

    def __init__(self, value: Any = None, error: Exception | None = None, ready: bool = True):
        self.value, self.error, self.ready = value, error, ready


class Method:
    def __init__(self, call: Any) -> None:
        self._call = call

    def remote(self, *arguments: Any) -> Reference:
        arguments = tuple(a.value if isinstance(a, Reference) else a for a in arguments)
        try:
            return Reference(self._call(*arguments))
        except Exception as error:
            return Reference(error=error)


class Handle:
    """The handle of an actor."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __getattr__(self, name: str) -> Method:
        return Method(getattr(self.actor, name))


class InProcessRay:
    """Replaces functions of Ray for a test, see `install`."""

    def __init__(self) -> None:
        self.nodes = [NODE]
        self.actors: dict[str, Handle] = {}
        self.killed: list[Any] = []
        self.cancelled: list[Reference] = []
        self.options: list[dict[str, Any]] = []
        self.requested: list[list[dict[str, Any]]] = []
        self.selectors: list[Any] = []
        #: Namespace and key -> value in the key-value store.
        self.kept: dict[tuple[bytes, bytes], bytes] = {}
        #: What the autoscaler says; ``None``: there is none that answers.
        self.autoscaler: Any = None
        #: Job id -> what Ray knows of the job.
        self.jobs: dict[Any, Any] = {}

    def install(self, patch: Any) -> None:
        """Put the functions in the places of Ray's until the end of the test."""
        context = SimpleNamespace(
            get_node_id=lambda: NODE["NodeID"],
            get_job_id=lambda: "01000000",
            gcs_address="10.0.0.1:6379",
            current_actor="this actor",
            runtime_env={},
        )
        functions = {
            "is_initialized": lambda: True,
            "get": self.get,
            "put": Reference,
            "wait": self.wait,
            "kill": lambda actor, no_restart=True: self.killed.append(actor),
            "cancel": self.cancelled.append,
            "nodes": lambda: self.nodes,
            "cluster_resources": lambda: {"CPU": sum(n["Resources"]["CPU"] for n in self.nodes)},
            "remote": self.remote,
            "get_actor": self.get_actor,
            "get_runtime_context": lambda: context,
            "util.get_node_ip_address": lambda: "10.0.0.1",
            "util.list_named_actors": lambda all_namespaces: [
                {"namespace": "raysmith", "name": name} for name in self.actors
            ],
            "autoscaler.sdk.request_resources": self.request_resources,
            "_raylet.GcsClient": lambda address: self,
        }
        for name, value in functions.items():
            patch.setattr(f"ray.{name}", value)

    def get_cluster_status(self, timeout_s: int) -> bytes:
        """``GcsClient.get_cluster_status``: what the autoscaler has last said."""
        if self.autoscaler is None:
            raise TimeoutError("nobody answers")
        return GetClusterStatusReply(autoscaling_state=self.autoscaler).SerializeToString()

    def request_resources(self, bundles: Any, bundle_label_selectors: Any = None) -> None:
        self.requested.append(bundles)
        self.selectors.append(bundle_label_selectors)

    def internal_kv_put(self, key: bytes, value: bytes, overwrite: bool, namespace: bytes) -> None:
        self.kept[namespace, key] = value

    def internal_kv_get(self, key: bytes, namespace: bytes) -> bytes | None:
        return self.kept.get((namespace, key))

    def internal_kv_del(self, key: bytes, by_prefix: bool, namespace: bytes) -> None:
        self.kept.pop((namespace, key), None)

    def internal_kv_keys(self, prefix: bytes, namespace: bytes) -> list[bytes]:
        return [key for place, key in self.kept if place == namespace]

    def get_all_job_info(self, timeout: int) -> dict[Any, Any]:
        """``GcsClient.get_all_job_info``."""
        return self.jobs

    def autoscaler_refuses(
        self, *bundles: dict[str, float], avoid: list[str] | None = None
    ) -> None:
        """Have an autoscaler that has refused these requests, for nodes besides some."""
        labels = []
        if avoid:
            constraint = LabelSelectorConstraint(
                label_key="ray.io/node-id",
                operator=LabelSelectorOperator.LABEL_OPERATOR_NOT_IN,
                label_values=avoid,
            )
            labels = [LabelSelector(label_constraints=[constraint])]
        requests = [
            ResourceRequestByCount(
                request=ResourceRequest(resources_bundle=bundle, label_selectors=labels), count=1
            )
            for bundle in bundles
        ]
        self.autoscaler = AutoscalingState(
            autoscaler_state_version=3,
            infeasible_cluster_resource_constraints=[
                ClusterResourceConstraint(resource_requests=requests)
            ],
        )

    @staticmethod
    def get(reference: Any, timeout: float | None = None) -> Any:
        if reference.error is not None:
            raise reference.error
        if not reference.ready:
            raise ray.exceptions.GetTimeoutError("not ready")
        return reference.value

    @staticmethod
    def wait(references: Any, num_returns: int = 1, timeout: float | None = None) -> Any:
        return [r for r in references if r.ready], [r for r in references if not r.ready]

    def remote(self, what: Any) -> Any:
        """``ray.remote(Class).options(...).remote(...)``, where the actor may be there already."""

        def options(**options: Any) -> Any:
            self.options.append(options)

            def make(*arguments: Any) -> Handle:
                name = options.get("name", "nameless")
                if name not in self.actors:
                    self.actors[name] = Handle(what(*arguments))
                return self.actors[name]

            return SimpleNamespace(remote=make)

        return SimpleNamespace(options=options)

    def get_actor(self, name: str, namespace: str) -> Handle:
        with contextlib.suppress(KeyError):
            return self.actors[name]
        raise ValueError(f"no actor {name}")


@contextlib.contextmanager
def stdout_of_a_process() -> Iterator[None]:
    """Send what is printed to file descriptor 1, as in a process of its own."""
    with open(1, "w", closefd=False) as stdout, contextlib.redirect_stdout(stdout):
        yield


def actor_died() -> ray.exceptions.RayError:
    """What Ray raises when an actor is gone."""
    return ray.exceptions.RayActorError()
