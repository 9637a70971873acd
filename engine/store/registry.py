"""Registered models in MLflow's model registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow.exceptions import MlflowException

from engine.errors import ConfigException, RunException
from engine.store.files import MLFLOW_MODEL
from engine.store.tracking import Tracking, all_pages

_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
#: MLflow keeps them for versions.
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)


def check_alias(alias: object) -> None:
    """Check that the registry takes a name as an alias of a version.

    Raises
    ------
    ConfigException
        When it does not.

    Examples
    --------
    >>> check_alias("champion")
    >>> check_alias("v2")
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: alias='v2': allowed are 1 to 255 letters, digits, ...
    """
    if (
        not isinstance(alias, str)
        or not _ALIAS.fullmatch(alias)
        or _RESERVED_ALIAS.fullmatch(alias)
    ):
        raise ConfigException(
            [
                f"alias={alias!r}: allowed are 1 to 255 letters, digits, '_' and '-', but not "
                "'latest' nor 'v' and a number, which MLflow keeps for versions"
            ]
        )


class ModelRegistry(Tracking):
    """Register models and list them."""

    def register_model(
        self,
        name: str,
        child_id: str,
        description: str | None,
        tags: Mapping[str, str] | None,
        alias: str | None = None,
    ) -> Any:
        """Add a version to a registered model, which is made if it is new.

        The version points to the MLflow model of the iteration ``child_id``. An ``alias`` points to
        the version, and no longer to another one.

        Returns
        -------
        mlflow.entities.model_registry.ModelVersion
        """
        self._make_registered_model(name)
        source = f"{self._mlflow_run(child_id).info.artifact_uri}/{MLFLOW_MODEL}"
        known = set(self._versions(name))
        once = self.client.once

        def find() -> Any:
            new = self._versions(name)
            return next((new[n] for n in new if n not in known and new[n].run_id == child_id), None)

        def create() -> Any:
            return once.create_model_version(
                name, source, child_id, tags=dict(tags or {}), description=description
            )

        version = self._once(find, create)
        if alias is not None:
            self.client.set_registered_model_alias(name, alias, version.version)
            version = self.client.get_model_version(name, version.version)
        return version

    def registered_models(self) -> dict[str, Any]:
        """Return name -> MLflow ``RegisteredModel``."""
        search = self.client.search_registered_models
        pages = all_pages(lambda token: search(page_token=token))
        return {model.name: model for model in pages}

    def register_files(
        self, name: str, folder: Path, description: str | None, tags: Mapping[str, str]
    ) -> Any:
        """Add a folder of files as a version of a registered model, which is made if it is new.

        Returns
        -------
        mlflow.entities.model_registry.ModelVersion
        """
        self._make_registered_model(name)
        return self.client.once.create_model_version(
            name, folder.absolute().as_uri(), tags=dict(tags), description=description
        )

    def model_version(self, name: str, number: str | None = None) -> Any:
        """Return a version of a registered model; by default the latest.

        Raises
        ------
        RunException
            When there is no such model or version.
        """
        known = self._versions(name)
        if not known:
            there = ", ".join(sorted(self.registered_models())) or "none"
            raise RunException(f"there is no registered model {name!r}; there is {there}")
        if number is not None and number not in known:
            raise RunException(f"model {name!r} has no version {number}; it has {sorted(known)}")
        return known[number or max(known, key=int)]

    def files_of_model(self, version: Any) -> Path:
        """Return the folder of a version that `register_files` has added.

        Raises
        ------
        RunException
            When it is not on this machine.
        """
        folder = Path(url2pathname(urlsplit(version.source).path))
        if not folder.is_dir():
            raise RunException(
                f"the files of model {version.name}:{version.version} lie in {version.source}, "
                "which is not on this machine"
            )
        return folder

    def delete_model_version(self, name: str, number: str) -> None:
        """Take a version of a registered model out of the registry."""
        self.client.delete_model_version(name, number)

    def iteration_of_model(self, text: str) -> str:
        """Return the id of the iteration that a registered model was made from.

        Parameters
        ----------
        text:
            ``name`` (its latest version), ``name/3`` or ``name@alias``.

        Raises
        ------
        RunException
            When there is no such model.
        """
        name, _, alias = text.partition("@")
        name, _, number = name.partition("/")
        try:
            if alias:
                version = self.client.get_model_version_by_alias(name, alias)
            else:
                known = self._versions(name)
                version = known[number or max(known, key=int)]
        except (MlflowException, KeyError, ValueError) as error:
            raise RunException(
                f"{text!r}: no run has this id, and no registered model is called so; "
                "`raysmith runs` lists the runs"
            ) from error
        return str(version.run_id)

    def _make_registered_model(self, name: str) -> None:
        """Make a registered model that may be there already."""
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _versions(self, name: str) -> dict[str, Any]:
        """Return number -> version of a registered model."""
        condition = "name = '{}'".format(name.replace("'", "''"))
        search = self.client.once.search_model_versions
        pages = all_pages(lambda token: search(condition, page_token=token))
        return {str(version.version): version for version in pages}
