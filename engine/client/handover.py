"""Models of a run on their way out: registered, or behind an endpoint."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from engine.client.control import ControlledRun
from engine.client.endpoint_records import Served
from engine.client.endpoints import Endpoint, deploy
from engine.errors import RunException
from engine.metrics.metric import Metric
from engine.show.view import RunView
from engine.store.choice import chosen_iteration, pick
from engine.store.files import CARD_FILE, MLFLOW_MODEL
from engine.store.mlflow_model import save_mlflow_model
from engine.store.records import IterationRecord
from engine.store.registry import check_alias


class HandedOverRun(ControlledRun):
    """A run whose models can be registered and deployed."""

    metric: Metric

    @abstractmethod
    def get_status(self) -> str:
        """Return the state."""

    @abstractmethod
    def view(self) -> RunView:
        """Return the run as report, widget and model card read it."""

    def register_model(
        self,
        model_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        iteration: int | None = None,
        metric: str | None = None,
        alias: str | None = None,
    ) -> Any:
        """Add a model to the MLflow model registry, as a new version of ``model_name``.

        The model loads with ``mlflow.pyfunc.load_model`` or ``mlflow.sklearn.load_model``, also
        where raysmith is not installed: it carries the code that it needs, a signature, an example
        of its input and its requirements. Its card, ``model_card.md``, is among its files.

        Parameters
        ----------
        model_name:
            Name of the registered model; default: the experiment's name.
        description, tags:
            Description and tags of the version.
        iteration, metric:
            Choose the iteration as in `get_output`.
        alias:
            Name that points to this version from now on, and to no other, such as ``champion``:
            ``models:/<model_name>@champion`` loads it.

        Returns
        -------
        mlflow.entities.model_registry.ModelVersion

        Raises
        ------
        ConfigException
            When the registry does not take the alias. Nothing is registered then.
        RunException
            When no iteration has completed, or the iteration's model is not the file that was
            written.
        """
        from engine.show.model_card import model_card

        record = self._pick(iteration, metric)
        if alias is not None:
            check_alias(alias)
        save_mlflow_model(self.store, record.run_id, with_code=True)
        name = model_name or self.experiment.name
        card = model_card(self.view(), record, name, description)
        self.store.write_text(record.run_id, f"{MLFLOW_MODEL}/{CARD_FILE}", card)
        return self.store.register_model(name, record.run_id, description, tags, alias)

    def deploy(
        self,
        name: str,
        iteration: int | None = None,
        metric: str | None = None,
        compute_target: Any = None,
        num_replicas: int = 1,
        min_replicas: int | None = None,
        max_replicas: int | None = None,
        cores_per_replica: float = 1,
        max_batch_size: int = 32,
        batch_wait_ms: float = 5,
        token: str | None = None,
        timeout_seconds: float = 300,
    ) -> Endpoint:
        """Serve a model over HTTP with Ray Serve, and return when it answers.

        Needs the extra ``serve``.

        Parameters
        ----------
        name:
            Name of the endpoint: 1 to 63 letters, digits and ``-``.
        iteration, metric:
            Choose the iteration as in `get_output`.
        compute_target:
            A compute target or its name; default: the embedded Ray, with which the endpoint ends.
        num_replicas:
            Processes that hold the model.
        min_replicas, max_replicas:
            With ``max_replicas`` their number follows the requests.
        cores_per_replica:
            CPU cores that each occupies.
        max_batch_size, batch_wait_ms:
            Requests that come together are predicted together: at most so many, and the first of
            them waits at most so many milliseconds for the others.
        token:
            Text of at least 16 characters that requests must carry. Beyond this machine one is
            made when none is given; the endpoint's ``token`` returns it.
        timeout_seconds:
            Give up when it is not up after this long.

        Returns
        -------
        Endpoint

        Raises
        ------
        ConfigException
            For values that are not allowed.
        ComputeTargetException
            When there is no such compute target, or it does not answer.
        RunException
            When there is an endpoint of that name, no iteration has completed, or the replicas are
            not up in time: says what is missing.
        ModelException
            When the extra ``serve`` is not installed.
        """
        record = self._pick(iteration, metric)
        workspace = self.experiment.workspace
        return deploy(
            workspace,
            name,
            Served.of_iteration(workspace, record.run_id),
            compute_target,
            token,
            timeout_seconds,
            num_replicas=num_replicas,
            min_replicas=min_replicas,
            max_replicas=max_replicas,
            cores_per_replica=cores_per_replica,
            max_batch_size=max_batch_size,
            batch_wait_ms=batch_wait_ms,
        )

    def handed_over(self, records: Sequence[IterationRecord]) -> IterationRecord | None:
        """Return the iteration that the run hands over, see `engine.AutoMLRun.get_output`."""
        return chosen_iteration(records, self.metric)

    def _pick(self, iteration: int | None, metric: str | None) -> IterationRecord:
        records = self.store.iterations(self.id)
        if iteration is None and metric is None:
            found = self.handed_over(records)
        else:
            found = pick(records, self.metric, iteration, metric)
        if found is None:
            raise RunException(
                f"no iteration of run {self.id} has completed yet; the run is {self.get_status()}"
            )
        return found
