"""Registered models in MLflow's model registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlflow.exceptions import MlflowException

from engine.store.files import MLFLOW_MODEL
from engine.store.tracking import Tracking


class ModelRegistry(Tracking):
    """Register models and list them."""

    def register_model(
        self,
        name: str,
        child_id: str,
        description: str | None,
        tags: Mapping[str, str] | None,
    ) -> Any:
        """Add a version to a registered model, which is made if it is new.

        The version points to the MLflow model of the iteration ``child_id``.

        Returns
        -------
        mlflow.entities.model_registry.ModelVersion
        """
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._mlflow_run(child_id).info.artifact_uri}/{MLFLOW_MODEL}"
        return self.client.create_model_version(
            name, source, child_id, tags=dict(tags or {}), description=description
        )

    def registered_models(self) -> dict[str, Any]:
        """Return name -> MLflow ``RegisteredModel``."""
        return {model.name: model for model in self.client.search_registered_models()}
