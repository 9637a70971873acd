"""`FeaturizationConfig`: the user's changes to the automatic featurization."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from engine.errors import ConfigException
from engine.plain_values import is_plain, plain

#: Column types.
PURPOSES = ("Numeric", "Categorical", "CategoricalHash", "DateTime", "Text", "Ignore")

#: Transformers that a user can block or give parameters to, each with its purpose.
TRANSFORMERS: Mapping[str, str] = {
    "Imputer": "fills missing numbers (parameters of sklearn.impute.SimpleImputer)",
    "MissingMarker": "adds a column that marks missing numbers",
    "OneHotEncoder": "makes a column of each category (parameters of sklearn's OneHotEncoder)",
    "TargetEncoder": "encodes categories by the target (parameters of sklearn's TargetEncoder)",
    "DateTime": "takes dates apart (parameters of skrub.DatetimeEncoder)",
    "TfIdf": "reduces n-grams of text (parameters of skrub.StringEncoder)",
}
_NEVER_BLOCKED = ("Imputer",)
#: The parameters of `FeaturizationConfig`.
_CHANGES = ("blocked_transformers", "column_purposes", "transformer_params", "drop_columns")


class FeaturizationConfig:
    """Changes to the automatic featurization.

    Each parameter is an attribute too. What is assigned to it is checked like the constructor's.

    Parameters
    ----------
    blocked_transformers:
        Names of `TRANSFORMERS` that are not used. With ``DateTime`` or ``TfIdf`` blocked, columns
        of that type are left out; with one of the encoders blocked, the other is used.
    column_purposes:
        Column name -> ``Numeric``, ``Categorical``, ``CategoricalHash`` (many categories),
        ``DateTime``, ``Text`` or ``Ignore``, where the inferred type would be wrong.
    transformer_params:
        Transformer -> list of (column names, parameters); an empty list of names means all.
    drop_columns:
        Columns that are left out.

    Raises
    ------
    ConfigException
        Lists all unknown transformers and column types at once.

    Examples
    --------
    >>> config = FeaturizationConfig(column_purposes={"zip": "Categorical"})
    >>> config.add_transformer_params("Imputer", ["age"], {"strategy": "median"})
    >>> config.params_of("Imputer", "age")
    {'strategy': 'median'}
    >>> config.drop_columns = "name"
    >>> config.drop_columns
    ['name']
    >>> FeaturizationConfig(column_purposes={"zip": "Code"})
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: column_purposes['zip']: ['Code'] unknown; allowed is any of \
Numeric, Categorical, CategoricalHash, DateTime, Text, Ignore
    """

    blocked_transformers: list[str]
    column_purposes: dict[str, str]
    transformer_params: dict[str, list[tuple[list[str], dict[str, Any]]]]
    drop_columns: list[str]
    #: Whether only steps with a counterpart in ONNX are used.
    for_onnx: bool

    def __init__(
        self,
        blocked_transformers: Sequence[str] | None = None,
        column_purposes: Mapping[str, str] | None = None,
        transformer_params: Mapping[str, Sequence[tuple[Sequence[str], Mapping[str, Any]]]]
        | None = None,
        drop_columns: Sequence[str] | None = None,
    ) -> None:
        vars(self).update(
            blocked_transformers=[],
            column_purposes={},
            transformer_params={},
            drop_columns=[],
            for_onnx=False,
        )
        problems: list[str] = []
        for add, calls in (
            (self.add_blocked_transformers, [(blocked_transformers,)]),
            (self.add_drop_columns, [(drop_columns,)]),
            (self.add_column_purpose, _items(column_purposes or {}, problems)),
            (self.add_transformer_params, _calls(transformer_params or {}, problems)),
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

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CHANGES:
            value = getattr(type(self)(**{name: value}), name)
        super().__setattr__(name, value)

    def add_blocked_transformers(self, transformers: str | Sequence[str]) -> None:
        """Use none of these transformers.

        Raises
        ------
        ConfigException
            For unknown names, and for ``Imputer``, which cannot be blocked.
        """
        names = _list(transformers, "blocked_transformers")
        _known("blocked_transformers", names, [t for t in TRANSFORMERS if t not in _NEVER_BLOCKED])
        self.blocked_transformers.extend(names)

    def add_column_purpose(self, column_name: str, feature_type: str) -> None:
        """Set the type of a column.

        Raises
        ------
        ConfigException
            When ``feature_type`` is not one of `PURPOSES`.
        """
        _known(f"column_purposes[{column_name!r}]", [feature_type], PURPOSES)
        self.column_purposes[str(column_name)] = str.__str__(feature_type)

    def remove_column_purpose(self, column_name: str) -> None:
        """Let the type of a column be inferred again; a column without a set type stays as it is.

        Examples
        --------
        >>> config = FeaturizationConfig(column_purposes={"zip": "Categorical"})
        >>> config.remove_column_purpose("zip")
        >>> config.column_purposes
        {}
        """
        self.column_purposes.pop(str(column_name), None)

    def add_drop_columns(self, drop_columns: str | Sequence[str]) -> None:
        """Leave columns out.

        Raises
        ------
        ConfigException
            When it is no list of names.
        """
        self.drop_columns.extend(_list(drop_columns, "drop_columns"))

    def add_transformer_params(
        self, transformer: str, cols: Sequence[str], params: Mapping[str, Any]
    ) -> None:
        """Set parameters of a transformer for some columns; for all where ``cols`` is empty.

        Raises
        ------
        ConfigException
            When ``transformer`` is not one of `TRANSFORMERS`, or the parameters are no dict from
            names to numbers, texts, lists, tuples or dicts.
        """
        _known("transformer_params", [transformer], TRANSFORMERS)
        where = f"transformer_params[{transformer!r}]"
        if (
            not isinstance(params, Mapping)
            or not all(isinstance(name, str) for name in params)
            or not is_plain(params)
        ):
            raise ConfigException(
                [
                    f"{where}={params!r}: allowed is a dict from names to numbers, texts, lists, "
                    "tuples or dicts"
                ]
            )
        self.transformer_params.setdefault(str(transformer), []).append(
            (_list(cols, where), plain(params))
        )

    def only_for_onnx(self) -> FeaturizationConfig:
        """Return a copy without dates and text, which have no counterpart in ONNX."""
        same = FeaturizationConfig(**self.to_dict())
        same.add_blocked_transformers(["DateTime", "TfIdf"])
        same.for_onnx = True
        return same

    def params_of(self, transformer: str, column: str) -> dict[str, Any]:
        """Return a transformer's parameters for a column; later ones replace earlier ones."""
        merged: dict[str, Any] = {}
        for columns, params in self.transformer_params.get(transformer, ()):
            if not columns or column in columns:
                merged |= params
        return merged

    def is_blocked(self, transformer: str) -> bool:
        """Whether the user has blocked a transformer."""
        return transformer in self.blocked_transformers

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, of which ``FeaturizationConfig(**values)`` makes an equal object.

        Examples
        --------
        >>> config = FeaturizationConfig(drop_columns=["id"])
        >>> FeaturizationConfig(**config.to_dict()) == config
        True
        """
        return {name: getattr(self, name) for name in _CHANGES}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeaturizationConfig) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value)
        return f"FeaturizationConfig({given})"


def _items(purposes: object, problems: list[str]) -> list[tuple[Any, ...]]:
    if isinstance(purposes, Mapping):
        return [*purposes.items()]
    problems.append(f"column_purposes={purposes!r}: allowed is a dict from column to type")
    return []


def _calls(params: object, problems: list[str]) -> list[tuple[Any, ...]]:
    """Return the arguments of a call of `add_transformer_params` for each entry."""
    calls = []
    try:
        for transformer, entries in params.items():  # type: ignore[attr-defined]
            for cols, values in entries:
                calls.append((transformer, cols, values))
    except (AttributeError, TypeError, ValueError):
        problems.append(
            f"transformer_params={params!r}: allowed is a dict from transformer to a list of "
            "(column names, parameters)"
        )
        return []
    return calls


def _list(names: object, what: str) -> list[str]:
    if isinstance(names, str):
        return [str.__str__(names)]
    if isinstance(names, set | frozenset):
        names = sorted(names, key=str)
    if not isinstance(names, Iterable):
        raise ConfigException([f"{what}={names!r}: allowed is a list of names"])
    return [str(name) for name in names]


def _known(what: str, names: Sequence[object], allowed: Collection[str]) -> None:
    unknown = [name for name in names if not isinstance(name, str) or name not in allowed]
    if unknown:
        raise ConfigException(
            [f"{what}: {unknown} unknown; allowed is any of {', '.join(allowed)}"]
        )
