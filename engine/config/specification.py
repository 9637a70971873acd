"""Settings and data of a run, in a form that another driver of the run can be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.config.secret_tables import filled, hidden, secrets_in
from engine.config.settings import Settings
from engine.config.variables import Variables, variables_here
from engine.data.dataset import Dataset
from engine.data.sources import DirectData, ScriptData, TableFiles
from engine.errors import RunException
from engine.plain_values import from_json, plain, to_json
from engine.uris import secrets_of

#: Files of a run that hold data given directly, and rows to explain.
DATA_FILE, EXPLAIN_FILE = "data.pkl", "explain.pkl"
#: Why a run cannot go on with another driver.
DATA_NOT_KEPT = (
    "the run's data is not kept, as keep_data is False: it cannot go on after its driver's death"
)

_SPLITS = "cv_splits_indices"


@dataclass(frozen=True)
class RunSpecification:
    """Settings and data of a run.

    Attributes
    ----------
    settings:
        With absolute paths.
    data:
        Where the data comes from.
    X_explain:
        Rows to explain the best model for, unless they are a validation part.
    is_kept:
        Whether the store has the copies of data given directly and of ``X_explain`` that it is to
        have.
    variables:
        Environment variables for the processes of the run. They are not stored; the settings have
        their names.
    missing:
        Tables whose URIs lack their passwords, which are not stored either; see `complete`.
    worker_setup:
        What the processes that read the data call first, see `cluster.jobs.worker_setup`.
    """

    settings: Settings
    data: ScriptData | TableFiles | DirectData
    X_explain: object = None
    is_kept: bool = False
    variables: Variables = field(default_factory=Variables)
    missing: tuple[str, ...] = ()
    worker_setup: str = ""

    @property
    def is_resumable(self) -> bool:
        """Whether another driver can get all that this one was given."""
        is_direct = isinstance(self.data, DirectData) or self.X_explain is not None
        return self.settings.keep_data or not is_direct

    @property
    def secrets(self) -> Variables:
        """URIs of tables that hold passwords, under the names of environment variables."""
        return secrets_in(self.data.tables if isinstance(self.data, TableFiles) else {})

    @property
    def passwords(self) -> tuple[str, ...]:
        """The passwords in the URIs of tables, to be hidden in texts."""
        return tuple(found for uri in self.secrets.values() for found in secrets_of(uri))

    def complete(self, known: Mapping[str, str] | None = None) -> RunSpecification:
        """Return the specification with all values that the store does not keep.

        Parameters
        ----------
        known:
            Variable name -> value; others are taken from this process's environment.

        Raises
        ------
        ConfigException
            When a variable is in neither.
        """
        known = {} if known is None else known
        variables = variables_here(self.settings.variable_names, known)
        data = self.data
        if isinstance(data, TableFiles):
            data = replace(data, tables=filled(data.tables, self.missing, known))
        return replace(self, data=data, variables=variables, missing=())

    @property
    def dataset(self) -> Dataset | None:
        """Data given directly, after its checks; ``None`` for data that trials read or have."""
        return self.data.dataset if isinstance(self.data, DirectData) else None

    def explains(self, dataset_is_split: bool) -> bool:
        """Whether the best model is explained at the end.

        Parameters
        ----------
        dataset_is_split:
            Whether the data has no validation part of its own.
        """
        if self.settings.model_explainability is not None:
            return self.settings.model_explainability
        return self.X_explain is not None or not dataset_is_split

    def to_spec(self) -> dict[str, Any]:
        """Return plain values for `from_spec`; the data itself is in `files`."""
        tables = dict(self.data.tables) if isinstance(self.data, TableFiles) else {}
        splits = tables.pop(_SPLITS, None)
        shown, secret = hidden(tables)
        return {
            "settings": self.settings.to_dict(),
            "tables": to_json(plain(shown)),
            "secret_tables": sorted({*secret, *self.missing}),
            "splits": splits is not None,
            "direct": isinstance(self.data, DirectData),
            "explain": self.X_explain is not None,
            "worker_setup": self.worker_setup,
        }

    def files(self) -> dict[str, object]:
        """Return file name -> content, for what another driver could not get otherwise.

        It is empty when the store has these files already, and when it is to have no data.
        """
        if self.is_kept or not self.is_resumable:
            return {}
        files: dict[str, object] = {}
        if isinstance(self.data, DirectData) and self.data.raw is not None:
            files[DATA_FILE] = dict(self.data.raw)
        if isinstance(self.data, TableFiles) and self.data.tables.get(_SPLITS) is not None:
            files[DATA_FILE] = {_SPLITS: self.data.tables[_SPLITS]}
        if self.X_explain is not None:
            files[EXPLAIN_FILE] = self.X_explain
        return files

    def kept(self) -> RunSpecification:
        """Return the specification without the raw data, once the store has its `files`."""
        data = self.data.without_raw() if isinstance(self.data, DirectData) else self.data
        return replace(self, data=data, is_kept=True)

    def handed_over(self) -> RunSpecification:
        """Return the specification once the machines have data given directly: without it."""
        if not isinstance(self.data, DirectData):
            return self
        return replace(self, data=self.data.handed_over(), is_kept=True)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], load: Callable[[str], Any]) -> RunSpecification:
        """Make the specification that an earlier driver of the run was given.

        Parameters
        ----------
        spec:
            What `to_spec` returned.
        load:
            Returns the content of one of the `files` by its name.

        Raises
        ------
        DataException
            When data given directly cannot be used.
        RunException
            When data given directly was not kept, see `is_resumable`.
        """
        settings = Settings.from_dict(spec["settings"])
        if not settings.keep_data and (spec["direct"] or spec["explain"]):
            raise RunException(
                f"{DATA_NOT_KEPT}; submit the configuration again. explain_model() explains its "
                "models with rows that you give"
            )
        rules = settings.data_rules
        data: ScriptData | TableFiles | DirectData
        if spec["direct"]:
            data = DirectData.checked(load(DATA_FILE), rules).without_raw()
        elif settings.data_script is not None:
            data = ScriptData(rules, settings.data_script, settings.path)
        else:
            splits = load(DATA_FILE) if spec["splits"] else {}
            data = TableFiles(rules, {**from_json(spec["tables"]), **splits})
        X_explain = load(EXPLAIN_FILE) if spec["explain"] else None
        missing = tuple(spec["secret_tables"])
        return cls(
            settings,
            data,
            X_explain,
            is_kept=True,
            missing=missing,
            worker_setup=spec["worker_setup"],
        )
