"""What a run was given: its settings and its data, as kept with the run for another driver."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.config.settings import Settings
from engine.data.check import check_data, check_features
from engine.data.dataset import Dataset
from engine.data.splits import check_plan

if TYPE_CHECKING:
    from engine.store.mlflow_store import RunStore


EXPLAIN_FILE = "explain.pkl"


@dataclass(frozen=True)
class RunSpecification:
    """Settings and data of a run.

    Attributes
    ----------
    settings:
        With absolute paths.
    tables:
        In the words of ``get_data()``, files that are read where the trials run; or ``None``.
    data:
        In the same words, data given directly; or ``None``.
    dataset:
        ``data`` after its checks; or ``None``.
    X_explain:
        Rows that the best model is to be explained for, when they are no validation part.
    is_new:
        Whether ``data`` is not in the store yet.
    """

    settings: Settings
    tables: Mapping[str, Any] | None = None
    data: Mapping[str, Any] | None = None
    dataset: Dataset | None = None
    X_explain: Any = None
    is_new: bool = True

    @classmethod
    def of_data(
        cls, settings: Settings, data: Mapping[str, Any], X_explain: Any = None
    ) -> RunSpecification:
        """Data given directly, checked; its warnings are given as ``UserWarning``.

        Raises
        ------
        DataException
            When it cannot be used.
        """
        dataset = _check(settings, data)
        for note in (*dataset.notes, *check_plan(dataset.summary(), settings.split_plan)):
            warnings.warn(note, stacklevel=4)
        if X_explain is not None:
            check_features(X_explain, dataset)
        return cls(settings, data=data, dataset=dataset, X_explain=X_explain)

    @classmethod
    def from_spec(cls, store: RunStore, run_id: str) -> RunSpecification:
        """What an earlier driver of the run was given."""
        spec = store.load_spec(run_id)
        settings = Settings.from_dict(spec["settings"])
        X_explain = store.load_data(run_id, EXPLAIN_FILE) if spec.get("explain") else None
        if not spec["direct"]:
            return cls(settings, tables=spec["tables"], X_explain=X_explain, is_new=False)
        data = store.load_data(run_id)
        dataset = _check(settings, data)
        return cls(settings, data=data, dataset=dataset, X_explain=X_explain, is_new=False)

    def keep(self, store: RunStore, run_id: str) -> None:
        """Put what another driver could not get otherwise into the store."""
        if self.is_new and self.data is not None:
            store.save_data(run_id, dict(self.data))
        if self.is_new and self.X_explain is not None:
            store.save_data(run_id, self.X_explain, EXPLAIN_FILE)

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
        """Plain values for `from_spec`; the data itself is kept beside them."""
        return {
            "settings": self.settings.to_dict(),
            "tables": None if self.tables is None else dict(self.tables),
            "direct": self.data is not None,
            "explain": self.X_explain is not None,
        }


def _check(settings: Settings, data: Mapping[str, Any]) -> Dataset:
    return check_data(
        data,
        "regression" if settings.task == "regression" else "classification",
        exclude_nan_labels=settings.exclude_nan_labels,
        positive_label=settings.positive_label,
        featurization=settings.featurization_config,
        source="AutoMLConfig",
    )
