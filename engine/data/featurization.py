"""`FeaturizationConfig`: what the user wants done differently with the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ConfigException

#: What a column can be, in the names that users of the article's service know.
PURPOSES = ("Numeric", "Categorical", "CategoricalHash", "DateTime", "Text", "Ignore")

#: Transformers that a user can block or give parameters to, with what they do.
TRANSFORMERS: Mapping[str, str] = {
    "Imputer": "fills missing numbers (parameters of sklearn.impute.SimpleImputer)",
    "MissingMarker": "adds a column that tells where a number was missing",
    "OneHotEncoder": "a column for each of few categories (of sklearn.preprocessing.OneHotEncoder)",
    "TargetEncoder": "categories by the target they go with (of sklearn's TargetEncoder)",
    "DateTime": "parts of dates (parameters of skrub.DatetimeEncoder)",
    "TfIdf": "n-grams of text, reduced (parameters of skrub.StringEncoder)",
}
_NEVER_BLOCKED = ("Imputer",)


class FeaturizationConfig:
    """Changes to the automatic featurization.

    Parameters
    ----------
    blocked_transformers:
        Names of `TRANSFORMERS` that are not to be used. With ``DateTime`` or ``TfIdf`` blocked,
        such columns are left out; with one of the encoders blocked, the other is used.
    column_purposes:
        Column name -> ``Numeric``, ``Categorical``, ``CategoricalHash`` (many categories),
        ``DateTime``, ``Text`` or ``Ignore``, where the guess would be wrong.
    transformer_params:
        Transformer -> list of (column names, parameters); an empty list of names means all.
    drop_columns:
        Columns that are left out.

    Raises
    ------
    ConfigException
        For unknown transformers or purposes, all at once.
    """

    def __init__(
        self,
        blocked_transformers: Sequence[str] | None = None,
        column_purposes: Mapping[str, str] | None = None,
        transformer_params: Mapping[str, Sequence[tuple[Sequence[str], Mapping[str, Any]]]]
        | None = None,
        drop_columns: Sequence[str] | None = None,
    ) -> None:
        self.blocked_transformers: list[str] = []
        self.column_purposes: dict[str, str] = {}
        self.transformer_params: dict[str, list[tuple[list[str], dict[str, Any]]]] = {}
        self.drop_columns: list[str] = []
        #: Only what has a counterpart in ONNX; set by ``enable_onnx_compatible_models``.
        self.for_onnx = False
        problems: list[str] = []
        for add, calls in (
            (self.add_blocked_transformers, [(blocked_transformers,)]),
            (self.add_drop_columns, [(drop_columns,)]),
            (self.add_column_purpose, [*(column_purposes or {}).items()]),
            (
                self.add_transformer_params,
                [(n, c, p) for n, given in (transformer_params or {}).items() for c, p in given],
            ),
        ):
            for arguments in calls:
                if arguments[0] is None:
                    continue
                try:
                    add(*arguments)
                except ConfigException as error:
                    problems += error.problems
        if problems:
            raise ConfigException(problems)

    def add_blocked_transformers(self, transformers: str | Sequence[str]) -> None:
        """Not to be used."""
        names = _list(transformers)
        _known("blocked_transformers", names, [t for t in TRANSFORMERS if t not in _NEVER_BLOCKED])
        self.blocked_transformers += names

    def add_column_purpose(self, column_name: str, feature_type: str) -> None:
        """What a column is."""
        _known(f"column_purposes[{column_name!r}]", [feature_type], PURPOSES)
        self.column_purposes[str(column_name)] = feature_type

    def add_drop_columns(self, drop_columns: str | Sequence[str]) -> None:
        """To be left out."""
        self.drop_columns += _list(drop_columns)

    def add_transformer_params(
        self, transformer: str, cols: Sequence[str], params: Mapping[str, Any]
    ) -> None:
        """Parameters of a transformer for some columns; for all where ``cols`` is empty."""
        _known("transformer_params", [transformer], TRANSFORMERS)
        self.transformer_params.setdefault(transformer, []).append((_list(cols), dict(params)))

    def only_for_onnx(self) -> FeaturizationConfig:
        """The same, without what has no counterpart in ONNX: parts of dates, n-grams of text."""
        same = FeaturizationConfig(**self.to_dict())
        same.add_blocked_transformers(["DateTime", "TfIdf"])
        same.for_onnx = True
        return same

    def params_of(self, transformer: str, column: str) -> dict[str, Any]:
        """The parameters given for a column, later ones over earlier ones."""
        merged: dict[str, Any] = {}
        for columns, params in self.transformer_params.get(transformer, ()):
            if not columns or column in columns:
                merged |= params
        return merged

    def is_blocked(self, transformer: str) -> bool:
        return transformer in self.blocked_transformers

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``FeaturizationConfig(**values)`` is the inverse."""
        return {key: value for key, value in vars(self).items() if key != "for_onnx"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeaturizationConfig) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value)
        return f"FeaturizationConfig({given})"


def _list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else [str(name) for name in names]


def _known(what: str, names: Sequence[str], allowed: Any) -> None:
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ConfigException(
            [f"{what}: {unknown} unknown; allowed is any of {', '.join(allowed)}"]
        )
