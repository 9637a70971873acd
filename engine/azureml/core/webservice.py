"""`Webservice` and its kinds: endpoints on Ray Serve, by the names of SDK v1."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.azureml.core.model import Model
from engine.azureml.exceptions import WebserviceException
from engine.client.endpoint_records import Served, endpoint_names
from engine.client.endpoints import Endpoint, deploy
from engine.errors import AutoMLError, RunException
from engine.serving.package import ScriptPackage

#: Makes old names answer in the process of a scoring script.
_SETUP = "engine.migration.old_names:answer_old_names"
_STATES: Mapping[str, str] = {
    "RUNNING": "Healthy",
    "DEPLOYING": "Transitioning",
    "DELETING": "Transitioning",
    "UNHEALTHY": "Unhealthy",
    "DEPLOY_FAILED": "Failed",
    "NOT_DEPLOYED": "Failed",
}
_LEAST_CORES = 0.1
_MINUTE = 60


@dataclass(frozen=True)
class DeploymentConfiguration:
    """Size of a service: what ``deploy_configuration()`` returns."""

    cpu_cores: float = _LEAST_CORES
    num_replicas: int = 1
    min_replicas: int | None = None
    max_replicas: int | None = None
    tags: Mapping[str, str] | None = None
    description: str | None = None


class Webservice:
    """A service of a workspace, by its name: an `engine.Endpoint`.

    Parameters
    ----------
    workspace : Workspace
        The workspace.
    name : str
        Name of the service.

    Raises
    ------
    WebserviceException
        When the workspace has no service of that name.
    """

    #: Kind of the service.
    compute_type: ClassVar[str] = "ACI"

    def __init__(self, workspace: Any, name: str) -> None:
        self.workspace = workspace
        self.name = name
        try:
            self._endpoint = Endpoint(workspace, name)
        except AutoMLError as error:
            raise WebserviceException(str(error)) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name})"

    @property
    def state(self) -> str:
        """``Healthy``, ``Transitioning``, ``Unhealthy`` or ``Failed``."""
        return _STATES.get(self._endpoint.status, "Transitioning")

    @property
    def scoring_uri(self) -> str:
        """Address that takes ``{"data": [...]}``, or whatever the scoring script takes."""
        return f"{self._endpoint.url}/score"

    @property
    def swagger_uri(self) -> str:
        """Address of the service's description."""
        return f"{self._endpoint.url}/openapi.json"

    @property
    def error(self) -> str | None:
        """Why the service is not healthy."""
        return self._endpoint.get_details()["message"] or None

    def get_keys(self) -> tuple[str | None, str | None]:
        """Return the token of the service, twice; ``None`` where it needs none."""
        return self._endpoint.token, self._endpoint.token

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """Return the last lines that the replicas have logged."""
        return "\n".join(self._endpoint.get_logs().splitlines()[-num_lines:])

    def wait_for_deployment(
        self, show_output: bool = False, timeout_sec: float | None = None
    ) -> None:
        """Return at once: a service that exists has been deployed."""
        if show_output:
            print(f"{self.name}: {self.state}", flush=True)

    def run(self, input_data: str | bytes) -> Any:
        """Send a request; return what the service answers, read from JSON.

        Raises
        ------
        WebserviceException
            When it refuses the request or does not answer.
        """
        import requests

        token = self._endpoint.token
        headers = {"Content-Type": "application/json"}
        headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            answer = requests.post(
                self.scoring_uri, data=input_data, headers=headers, timeout=_MINUTE
            )
        except requests.RequestException as error:
            raise WebserviceException(
                f"service {self.name!r} does not answer ({type(error).__name__}); it is "
                f"{self.state}"
            ) from error
        if answer.status_code != 200:
            raise WebserviceException(
                f"service {self.name!r} answered {answer.status_code}: {answer.text[:500]}"
            )
        return answer.json()

    def update(
        self,
        image: Any = None,
        models: Sequence[Model] | None = None,
        inference_config: Any = None,
        **ignored: object,
    ) -> None:
        """Serve other models or another script, without a failed request."""
        given = models if models is not None else (image.models if image is not None else [])
        script = None
        if inference_config is not None:
            script = inference_config.sources()
        elif image is not None:
            script = image.sources()
        try:
            self._endpoint.serve_again(_served(given, script))
        except AutoMLError as error:
            raise WebserviceException(str(error)) from error

    def delete(self) -> None:
        """End the service with all that belongs to it."""
        self._endpoint.delete()

    def serialize(self) -> dict[str, Any]:
        """Return plain values: name, state, address, type."""
        return {
            "name": self.name,
            "state": self.state,
            "scoringUri": self.scoring_uri,
            "computeType": self.compute_type,
        }

    @staticmethod
    def list(workspace: Any, **conditions: object) -> list[Webservice]:
        """Return the services of a workspace."""
        return [Webservice(workspace, name) for name in endpoint_names(workspace)]

    @staticmethod
    def check_for_existing_webservice(workspace: Any, name: str, *ignored: object) -> bool:
        """Whether there is a service of that name."""
        return name in endpoint_names(workspace)

    @classmethod
    def deploy_from_image(
        cls,
        workspace: Any,
        name: str,
        image: Any,
        deployment_config: Any = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        **ignored: object,
    ) -> Webservice:
        """Serve what ``Image.create`` has put together."""
        return cls.serve(
            workspace, name, image.models, image.sources(), deployment_config, deployment_target,
            overwrite,
        )  # fmt: skip

    @classmethod
    def deploy_from_model(
        cls,
        workspace: Any,
        name: str,
        models: Sequence[Model],
        image_config: Any,
        deployment_config: Any = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        **ignored: object,
    ) -> Webservice:
        """Serve models with the script of an image configuration."""
        script = image_config.sources()
        return cls.serve(
            workspace, name, models, script, deployment_config, deployment_target, overwrite
        )

    @classmethod
    def serve(
        cls,
        workspace: Any,
        name: str,
        models: Sequence[Model],
        script: tuple[str, Mapping[str, bytes]] | None,
        config: DeploymentConfiguration | None = None,
        target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> Webservice:
        """Deploy models and, if there is one, a scoring script.

        Raises
        ------
        WebserviceException
            When it cannot be deployed; says why.
        """
        size = config or DeploymentConfiguration()
        try:
            served = _served(models, script)
            if overwrite:
                with contextlib.suppress(RunException):
                    Endpoint(workspace, name).delete()
            deploy(
                workspace, name, served, target, num_replicas=size.num_replicas,
                min_replicas=size.min_replicas, max_replicas=size.max_replicas,
                cores_per_replica=size.cpu_cores,
            )  # fmt: skip
        except AutoMLError as error:
            raise WebserviceException(f"service {name!r} was not deployed: {error}") from error
        service = cls(workspace, name)
        service.wait_for_deployment(show_output)
        return service


class AciWebservice(Webservice):
    """A service on this machine, with whose process it ends."""

    @staticmethod
    def deploy_configuration(
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        **ignored: object,
    ) -> DeploymentConfiguration:
        """Return the size of a service; only ``cpu_cores`` has an effect on it."""
        return DeploymentConfiguration(
            _cores(cpu_cores), tags={**(properties or {}), **(tags or {})}, description=description
        )


class LocalWebservice(Webservice):
    """A service on this machine, with whose process it ends."""

    compute_type = "Local"

    @staticmethod
    def deploy_configuration(port: int | None = None, **ignored: object) -> DeploymentConfiguration:
        """Return the size of a service; a free port is found."""
        return DeploymentConfiguration()


class AksWebservice(Webservice):
    """A service on a compute target, or on this machine where none is named."""

    compute_type = "AKS"

    @staticmethod
    def deploy_configuration(
        autoscale_enabled: bool | None = None,
        autoscale_min_replicas: int | None = None,
        autoscale_max_replicas: int | None = None,
        *more: object,
        cpu_cores: float | None = None,
        num_replicas: int | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        **ignored: object,
    ) -> DeploymentConfiguration:
        """Return the size of a service: cores, and a fixed or a changing number of replicas."""
        grows = autoscale_enabled is not False and autoscale_max_replicas is not None
        return DeploymentConfiguration(
            _cores(cpu_cores),
            num_replicas or 1,
            (autoscale_min_replicas or 1) if grows else None,
            autoscale_max_replicas if grows else None,
            tags,
            description,
        )


def _cores(asked: float | None) -> float:
    return _LEAST_CORES if asked is None else max(_LEAST_CORES, float(asked))


def _served(models: Sequence[Model], script: tuple[str, Mapping[str, bytes]] | None) -> Served:
    """Return what a service of these models serves."""
    if script is None:
        if len(models) != 1 or models[0].run_id is None:
            raise WebserviceException(
                "without a scoring script a service takes one model, that of a run; give an "
                "InferenceConfig(entry_script=...)"
            )
        return Served.of_iteration(models[0].workspace, models[0].run_id)
    entry, sources = script
    files = {
        f"{model.name}/{model.version}/{name}": content
        for model in models
        for name, content in model.files().items()
    }
    return Served(ScriptPackage(entry, sources, files).packed(), None, _setup())


def _setup() -> str | None:
    """Return what lets scripts that were not migrated find the old names."""
    from importlib.util import find_spec

    return _SETUP if find_spec("libcst") is not None else None
