"""The first step of a pipeline over a table: from raw columns of any kind to numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.errors import DataException
from engine.pipelines.features.blocks import join_blocks
from engine.pipelines.features.categories import Categories
from engine.pipelines.features.dates import Dates
from engine.pipelines.features.numbers import Numbers
from engine.pipelines.features.part import Output, Part
from engine.pipelines.features.texts import Texts

#: A function that returns what was made under a key before, or makes it now.
Kept = Callable[[Callable[[], Any]], Any]


class DataTransformer(TransformerMixin, BaseEstimator):
    """Raw columns -> numbers, each by its purpose.

    Columns are found by name: their order may differ from training, extra ones are ignored, a
    missing one is a `DataException`. Categories and kinds of missing values that training did not
    have are handled at prediction.

    Parameters
    ----------
    columns:
        The raw columns and their purposes, as `engine.data.columns.infer_columns` gives them.
    config:
        The user's changes.
    output:
        What the next step copes with, see `Output`.
    is_regression:
        Whether the target is a quantity, which whole numbers do not tell.

    Attributes
    ----------
    n_features_in_, feature_names_in_:
        The raw columns.
    """

    def __init__(
        self,
        columns: Sequence[Column] = (),
        config: FeaturizationConfig | None = None,
        output: Output = "encoded",
        is_regression: bool = False,
    ) -> None:
        self.columns = columns
        self.config = config
        self.output = output
        self.is_regression = is_regression

    def fit(self, X: Any, y: Any = None) -> DataTransformer:
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        return self.fit_transform_both(X, y)[0]

    def fit_transform_both(
        self, X: Any, y: Any = None, X_valid: Any = None, kept: Kept | None = None
    ) -> tuple[Any, Any]:
        """Fit on ``X``; what becomes of it, and of other rows.

        Parameters
        ----------
        X, y:
            Training part.
        X_valid:
            Other rows; ``None`` for none.
        kept:
            Asked for what takes long to make and is the same for all outputs: it may have it from
            before, of the same rows. Default: everything is made.
        """
        self.n_features_in_ = len(self.columns)
        self.feature_names_in_ = np.array([column.name for column in self.columns], dtype=object)
        config = self.config or FeaturizationConfig()
        parts: tuple[Part, ...] = (
            Numbers(self._named("Numeric"), config, self.output),
            Dates(self._named("DateTime"), config, self.output),
            Texts(self._named("Text"), config),
            Categories(
                self._named("Categorical", "CategoricalHash"),
                config,
                self.output,
                self.is_regression,
            ),
        )
        self.parts_ = [part for part in parts if part.columns]
        if not self.parts_:
            raise DataException("featurization leaves no column to learn from")
        frame = self._frame(X)
        frame_valid = None if X_valid is None else self._frame(X_valid)

        def make(part: Part) -> tuple[Part, Any, Any]:
            features = part.fit_transform(frame, y)
            return part, features, None if frame_valid is None else part.transform(frame_valid)

        made = [
            kept(partial(make, part)) if kept is not None and part.is_slow else make(part)
            for part in self.parts_
        ]
        self.parts_ = [part for part, _, _ in made]
        features = self._together([block for _, block, _ in made])
        if frame_valid is None:
            return features, None
        return features, self._together([block for _, _, block in made])

    def transform(self, X: Any) -> Any:
        check_is_fitted(self, "n_features_in_")
        frame = self._frame(X)
        return self._together([part.transform(frame) for part in self.parts_])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        check_is_fitted(self, "n_features_in_")
        return np.array(
            [name for part in self.parts_ for name in part.output_names()], dtype=object
        )

    def get_engineered_feature_names(self) -> list[str]:
        """The names of the columns that the estimator sees, in their order."""
        return [str(name) for name in self.get_feature_names_out()]

    def get_source_columns(self) -> list[str]:
        """For each column that the estimator sees, the raw column that it was made from."""
        check_is_fitted(self, "n_features_in_")
        return [name for part in self.parts_ for name in part.source_columns()]

    def get_featurization_summary(self) -> list[dict[str, Any]]:
        """What became of each raw column, a dict each.

        Keys: ``RawFeatureName``, ``TypeDetected``, ``Dropped`` (``Yes`` or ``No``), ``Reason``,
        ``EngineeredFeatureCount``, ``Transformations``.
        """
        check_is_fitted(self, "n_features_in_")
        made: dict[str, tuple[int, list[str]]] = {}
        for part in self.parts_:
            made |= part.summary()
        rows = []
        for column in self.columns:
            count, steps = made.get(column.name, (0, []))
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
        return rows

    def _named(self, *purposes: str) -> list[Column]:
        return [column for column in self.columns if column.purpose in purposes]

    def _frame(self, X: Any) -> pd.DataFrame:
        names = list(self.feature_names_in_)
        if not isinstance(X, pd.DataFrame):
            if hasattr(X, "to_pandas"):
                X = X.to_pandas()
            else:
                array = np.asarray(X)
                if array.ndim != 2 or array.shape[1] != len(names):
                    raise DataException(
                        f"X has the shape {array.shape}; the model was fitted with {len(names)} "
                        f"columns and expects (n_rows, {len(names)})"
                    )
                return pd.DataFrame(array, columns=names, copy=False)
        found = pd.Index([str(name) for name in X.columns])
        used = [column.name for column in self.columns if column.purpose != "Ignore"]
        missing = [name for name in used if name not in found]
        if missing:
            raise DataException(
                f"X lacks the columns {missing[:20]}, which the model was fitted with"
            )
        if not found.equals(pd.Index(X.columns)):
            X = X.set_axis(found, axis=1)
        return X

    def _together(self, blocks: list[Any]) -> Any:
        together = join_blocks(blocks)
        if isinstance(together, pd.DataFrame):
            # Names of our own: LightGBM refuses some, and a raw name may come twice.
            return together.set_axis([f"f{n}" for n in range(together.shape[1])], axis=1)
        # Text is in single precision, in which some estimators would compute if it were alone.
        return together.astype(np.float64, copy=False)
