"""A pipeline's specification: estimator, scaler and their parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.pipelines.catalogue.entries import NO_SCALER

#: How `PipelineSpec.flat` writes that there is no scaler.
NO_SCALER_SHOWN = "none"


@dataclass(frozen=True)
class PipelineSpec:
    """A scaler and an estimator by their catalogue names, with their parameters.

    Attributes
    ----------
    estimator:
        Name of the estimator.
    scaler:
        Name of the scaler; ``""`` for no scaler.
    estimator_params, scaler_params:
        Parameters that are set; the others have the catalogue's or the library's defaults.

    Examples
    --------
    >>> spec = PipelineSpec("KNN", "MinMaxScaler", {"n_neighbors": 5})
    >>> spec.name
    'MinMaxScaler KNN'
    >>> PipelineSpec.from_json(spec.to_json()) == spec
    True
    """

    estimator: str
    scaler: str = NO_SCALER
    estimator_params: Mapping[str, Any] = field(default_factory=dict)
    scaler_params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that tables show, such as ``StandardScalerWrapper SGD``."""
        return f"{self.scaler} {self.estimator}".strip()

    def flat(self) -> dict[str, Any]:
        """Return one level of names and values, for MLflow's parameters and tables.

        The scaler's parameters have the scaler's name in front.

        Examples
        --------
        >>> PipelineSpec("KNN", "PCA", {"n_neighbors": 5}, {"share": 0.5}).flat()
        {'estimator': 'KNN', 'scaler': 'PCA', 'n_neighbors': 5, 'PCA.share': 0.5}
        """
        return {
            "estimator": self.estimator,
            "scaler": self.scaler or NO_SCALER_SHOWN,
            **self.estimator_params,
            **{f"{self.scaler}.{key}": value for key, value in self.scaler_params.items()},
        }

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> PipelineSpec:
        """Return the specification for which `flat` returns these names and values.

        Examples
        --------
        >>> spec = PipelineSpec("KNN", "PCA", {"n_neighbors": 5}, {"share": 0.5})
        >>> PipelineSpec.from_flat(spec.flat()) == spec
        True
        """
        params = dict(values)
        estimator, scaler = params.pop("estimator"), params.pop("scaler")
        prefix = f"{scaler}."
        return cls(
            estimator,
            NO_SCALER if scaler == NO_SCALER_SHOWN else scaler,
            {k: v for k, v in params.items() if not k.startswith(prefix)},
            {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)},
        )

    def to_json(self) -> str:
        """Return one line of JSON, the same for equal specifications."""
        return json.dumps(
            {
                "scaler": self.scaler,
                "scaler_params": dict(self.scaler_params),
                "estimator": self.estimator,
                "estimator_params": dict(self.estimator_params),
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> PipelineSpec:
        """Return the specification that `to_json` has written."""
        return cls(**json.loads(text))
