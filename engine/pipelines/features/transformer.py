"""First step of a pipeline over a table: raw columns of any kind become numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from engine.data.alignment import align
from engine.data.columns import Column
from engine.data.dataset import Matrix, is_sparse
from engine.data.featurization import FeaturizationConfig
from engine.data.reading import read_rows
from engine.errors import DataException
from engine.pipelines.features.blocks import Features, join_blocks
from engine.pipelines.features.categories import Categories
from engine.pipelines.features.dates import Dates
from engine.pipelines.features.numbers import Numbers
from engine.pipelines.features.part import Output, Part
from engine.pipelines.features.texts import Texts

#: Calls a function, or returns the result of an earlier call for the same rows.
Kept = Callable[[Callable[[], Any]], Any]


class DataTransformer(TransformerMixin, BaseEstimator):
    """Transform raw columns to numbers, each by its purpose.

    Columns are found by name: their order may differ from training, further columns are ignored,
    and a missing column raises `DataException`. Without names a table is taken by position, like
    an array. Categories and kinds of missing values that training did not have are handled at
    prediction. Values that are not of a column's type count as missing, with an
    `UnreadableValuesWarning` where training did not have as many.

    Parameters
    ----------
    columns:
        The raw columns and their purposes, as `engine.data.columns.infer_columns` returns them.
    config:
        The user's changes; ``None`` for no changes.
    output:
        Format that the next step takes, see `Output`.
    is_regression:
        Whether the target is a quantity: whole numbers alone could be classes as well.
    named:
        Whether the names of the columns are the user's.

    Attributes
    ----------
    n_features_in_, feature_names_in_:
        Number and names of the raw columns.
    parts_:
        Fitted parts, see `engine.pipelines.features.part.Part`, in the order of their features.

    Examples
    --------
    >>> table = pd.DataFrame({"size": [1.0, None, 3.0], "colour": ["red", "blue", "red"]})
    >>> columns = [Column("size", "Numeric"), Column("colour", "Categorical")]
    >>> transformer = DataTransformer(columns).fit(table)
    >>> transformer.get_engineered_feature_names()
    ['size', 'size_missing', 'colour_red', 'colour_blue']
    >>> transformer.transform(table.tail(1)).tolist()
    [[3.0, 0.0, 1.0, 0.0]]
    """

    parts_: list[Part]

    def __init__(
        self,
        columns: Sequence[Column] = (),
        config: FeaturizationConfig | None = None,
        output: Output = "encoded",
        is_regression: bool = False,
        named: bool = True,
    ) -> None:
        self.columns = columns
        self.config = config
        self.output = output
        self.is_regression = is_regression
        self.named = named

    def fit(self, X: Matrix, y: NDArray[Any] | None = None) -> DataTransformer:
        """Fit on a table, or on a matrix with the columns in their order."""
        self.fit_transform(X, y)
        return self

    def fit_transform(
        self, X: Matrix, y: NDArray[Any] | None = None, **fit_params: object
    ) -> Features:
        """Fit and return the features; a row's own target has no influence on them."""
        return self.fit_transform_both(X, y)[0]

    def fit_transform_both(
        self,
        X: Matrix,
        y: NDArray[Any] | None = None,
        X_valid: Matrix | None = None,
        kept: Kept | None = None,
    ) -> tuple[Features, Features | None]:
        """Fit on ``X``; return its features, and the features of other rows.

        Parameters
        ----------
        X, y:
            Training part.
        X_valid:
            Other rows; ``None`` for no other rows.
        kept:
            Makes the features of slow parts, which are the same for all output formats, or
            returns them from an earlier call with the same rows. Default: they are made.

        Returns
        -------
        tuple
            Features of ``X`` and of ``X_valid``; ``None`` instead of the latter without
            ``X_valid``.

        Raises
        ------
        DataException
            When ``X`` lacks a column, or the user's changes leave no column.
        """
        self.n_features_in_ = len(self.columns)
        self.feature_names_in_ = np.array([column.name for column in self.columns], dtype=object)
        parts = [part for part in self._new_parts() if part.columns]
        if not parts:
            raise DataException("featurization leaves no column to learn from")
        frame = self.read(X)
        frame_valid = None if X_valid is None else self.read(X_valid)

        def fit(part: Part) -> tuple[Part, Features, Features | None]:
            features = part.fit_transform(frame, y)
            return part, features, None if frame_valid is None else part.transform(frame_valid)

        fitted = [
            kept(partial(fit, part)) if kept is not None and part.is_slow else fit(part)
            for part in parts
        ]
        self.parts_ = [part for part, _, _ in fitted]
        features = self._joined([block for _, block, _ in fitted])
        if frame_valid is None:
            return features, None
        return features, self._joined([block for _, _, block in fitted if block is not None])

    def transform(self, X: Matrix) -> Features:
        """Return the features: a float array, or a DataFrame where some are categoricals.

        Raises
        ------
        DataException
            When ``X`` lacks a column, or is a matrix of another width.
        """
        frame = self.read(X)
        return self._joined([part.transform(frame) for part in self.parts_])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the names of the features; ``input_features`` is ignored."""
        check_is_fitted(self, "n_features_in_")
        return np.array(
            [name for part in self.parts_ for name in part.output_names()], dtype=object
        )

    def get_engineered_feature_names(self) -> list[str]:
        """Return the names of the columns that the estimator sees, in their order."""
        return [str(name) for name in self.get_feature_names_out()]

    def get_source_columns(self) -> list[str]:
        """Return, for each column that the estimator sees, the raw column it was made from.

        Examples
        --------
        >>> table = pd.DataFrame({"size": [1.0, None, 3.0], "colour": ["red", "blue", "red"]})
        >>> columns = [Column("size", "Numeric"), Column("colour", "Categorical")]
        >>> DataTransformer(columns).fit(table).get_source_columns()
        ['size', 'size', 'colour', 'colour']
        """
        check_is_fitted(self, "n_features_in_")
        return [name for part in self.parts_ for name in part.source_columns()]

    def get_featurization_summary(self, is_user_friendly: bool = True) -> list[dict[str, Any]]:
        """Return a dict for each raw column that says how it was featurized.

        Keys: ``RawFeatureName``, ``TypeDetected``, ``Dropped`` (``Yes`` or ``No``), ``Reason``,
        ``EngineeredFeatureCount``, ``Transformations``.

        Parameters
        ----------
        is_user_friendly:
            Whether to leave out ``TransformationParams``, the user's parameters of each
            transformation.

        Examples
        --------
        >>> table = pd.DataFrame({"size": [1.0, None], "id": [7, 8]})
        >>> columns = [Column("size", "Numeric"), Column("id", "Ignore", "unique in each row")]
        >>> size, number = DataTransformer(columns).fit(table).get_featurization_summary()
        >>> size["Transformations"], number["Dropped"], number["Reason"]
        (['Imputer', 'MissingMarker'], 'Yes', 'unique in each row')
        """
        check_is_fitted(self, "n_features_in_")
        config = self.config or FeaturizationConfig()
        summary: dict[str, tuple[int, list[str]]] = {}
        for part in self.parts_:
            summary |= part.summary()
        rows: list[dict[str, Any]] = []
        for column in self.columns:
            count, steps = summary.get(column.name, (0, []))
            reason = column.reason or ("" if count else "its transformer is blocked")
            rows.append(
                {
                    "RawFeatureName": column.name,
                    "TypeDetected": column.purpose,
                    "Dropped": "No" if count else "Yes",
                    "Reason": reason,
                    "EngineeredFeatureCount": count,
                    "Transformations": steps,
                }
            )
            if not is_user_friendly:
                rows[-1]["TransformationParams"] = {
                    step: config.params_of(step, column.name) for step in steps
                }
        return rows

    def get_stats_feature_type_summary(self) -> list[dict[str, Any]]:
        """Return a dict for each raw column: ``RawFeatureName`` and ``TypeDetected``."""
        return [
            {"RawFeatureName": column.name, "TypeDetected": column.purpose}
            for column in self.columns
        ]

    def _new_parts(self) -> tuple[Part, ...]:
        config = self.config or FeaturizationConfig()
        categorical = self._of_purpose("Categorical", "CategoricalHash")
        return (
            Numbers(self._of_purpose("Numeric"), config, self.output),
            Dates(self._of_purpose("DateTime"), config, self.output),
            Texts(self._of_purpose("Text"), config),
            Categories(categorical, config, self.output, self.is_regression),
        )

    def _of_purpose(self, *purposes: str) -> list[Column]:
        return [column for column in self.columns if column.purpose in purposes]

    def read(self, X: Matrix) -> pd.DataFrame:
        """Return X as a table of the columns of training, numbers and dates in their types."""
        check_is_fitted(self, "n_features_in_")
        names = [column.name for column in self.columns]
        used = [column for column in self.columns if column.purpose != "Ignore"]
        needed = [column.name for column in used]
        rows = align(X, names, named=self.named, needed=needed)
        if is_sparse(rows):
            rows = rows.toarray()
        if not isinstance(rows, pd.DataFrame):
            rows = pd.DataFrame(rows, columns=names, copy=False)
        return read_rows(rows, used)

    def _joined(self, blocks: list[Features]) -> Features:
        joined = join_blocks(blocks)
        if isinstance(joined, pd.DataFrame):
            # New names: LightGBM refuses some raw names, and a raw name may come twice.
            return joined.set_axis([f"f{n}" for n in range(joined.shape[1])], axis=1)
        # Features of text alone are in single precision, and some estimators would compute in it.
        return joined.astype(np.float64, copy=False)
