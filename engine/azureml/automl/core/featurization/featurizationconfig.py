"""`FeaturizationConfig` with the names of SDK v1."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engine.callers import level_of_user
from engine.data import featurization
from engine.data.featurization import PURPOSES, TRANSFORMERS

#: Transformer of SDK v1 -> ours that does the same.
_TRANSFORMERS: Mapping[str, str] = {
    "CatImputer": "Imputer",
    "CatTargetEncoder": "TargetEncoder",
    "DateTimeTransformer": "DateTime",
    "ImputationMarker": "MissingMarker",
    "StringImputer": "Imputer",
    "TfIdfVectorizer": "TfIdf",
    "WoEBasedTargetEncoder": "TargetEncoder",
    "WoETargetEncoder": "TargetEncoder",
}
#: Column type of SDK v1 -> ours that is treated the same.
_PURPOSES: Mapping[str, str] = {"AllNan": "Ignore", "Hashes": "Ignore"}
#: Those that are always used.
_ALWAYS = ("Imputer",)
#: Transformers with the parameters that SDK v1 passed on.
_SAME_PARAMETERS = ("Imputer", "OneHotEncoder")


class FeaturizationConfig(featurization.FeaturizationConfig):
    """Changes to the automatic featurization, as `engine.FeaturizationConfig`.

    Names of SDK v1 are translated. Transformers and column types that have no counterpart here are
    left out, with a warning.

    Parameters
    ----------
    blocked_transformers:
        Names of transformers that are not used.
    column_purposes:
        Column name -> type.
    transformer_params:
        Transformer -> list of (column names, parameters).
    drop_columns:
        Columns that are left out.
    dataset_language, prediction_transform_type:
        Without a meaning here.

    Examples
    --------
    >>> config = FeaturizationConfig()
    >>> config.blocked_transformers = ["DateTimeTransformer"]
    >>> config.blocked_transformers
    ['DateTime']
    """

    def __init__(
        self,
        blocked_transformers: Sequence[str] | None = None,
        column_purposes: Mapping[str, str] | None = None,
        transformer_params: Mapping[str, Sequence[tuple[Sequence[str], Mapping[str, Any]]]]
        | None = None,
        drop_columns: Sequence[str] | None = None,
        dataset_language: str | None = None,
        prediction_transform_type: str | None = None,
    ) -> None:
        super().__init__(blocked_transformers, column_purposes, transformer_params, drop_columns)
        for name, value in (
            ("dataset_language", dataset_language),
            ("prediction_transform_type", prediction_transform_type),
        ):
            if value is not None:
                warnings.warn(f"{name}: without a meaning here, it is left out", stacklevel=2)

    def add_blocked_transformers(self, transformers: str | Sequence[str]) -> None:
        """Use none of these transformers; names without a counterpart give a warning."""
        if isinstance(transformers, str):
            transformers = [transformers]
        if not isinstance(transformers, Collection):
            super().add_blocked_transformers(transformers)
            return
        allowed = [name for name in TRANSFORMERS if name not in _ALWAYS]
        super().add_blocked_transformers(_known(transformers, _TRANSFORMERS, allowed))

    def add_column_purpose(self, column_name: str, feature_type: str) -> None:
        """Set the type of a column; a type without a counterpart gives a warning."""
        for purpose in _known([feature_type], _PURPOSES, PURPOSES):
            super().add_column_purpose(column_name, purpose)

    def add_transformer_params(
        self, transformer: str, cols: Sequence[str], params: Mapping[str, Any]
    ) -> None:
        """Set parameters of a transformer for some columns; for all where ``cols`` is empty.

        Parameters of transformers that are other ones here are left out, with a warning.
        """
        for name in _known([transformer], _TRANSFORMERS, TRANSFORMERS):
            if name in _SAME_PARAMETERS:
                super().add_transformer_params(name, cols, params)
            else:
                _warn(f"parameters of {transformer!r} are not those of {name!r} here")

    def get_transformer_params(self, transformer: str, cols: Sequence[str]) -> dict[str, Any]:
        """Return the parameters that were set for exactly these columns."""
        name = _TRANSFORMERS.get(transformer, transformer)
        found: dict[str, Any] = {}
        for columns, params in self.transformer_params.get(name, ()):
            if columns == [str(column) for column in cols]:
                found |= params
        return found

    def remove_transformer_params(
        self, transformer: str, cols: Sequence[str] | None = None
    ) -> None:
        """Forget the parameters for exactly these columns; default: all of the transformer."""
        name = _TRANSFORMERS.get(transformer, transformer)
        entries = self.transformer_params.pop(name, [])
        kept = [] if cols is None else [e for e in entries if e[0] != [str(c) for c in cols]]
        if kept:
            self.transformer_params[name] = kept


def _known(
    names: Collection[Any], translations: Mapping[str, str], allowed: Collection[str]
) -> list[str]:
    """Translate names; leave out those without a counterpart, with a warning."""
    found = []
    for name in names:
        ours = translations.get(str(name), str(name))
        if ours in allowed:
            found.append(ours)
        else:
            _warn(f"{name!r} has no counterpart")
    return list(dict.fromkeys(found))


def _warn(problem: str) -> None:
    warnings.warn(f"{problem}; it is left out", stacklevel=level_of_user())
