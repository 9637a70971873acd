"""Text columns: TF-IDF and its principal components."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.data.values import normalise
from engine.pipelines.features.part import Part


class Texts(Part):
    """TF-IDF of the character n-grams of text, reduced to a few columns.

    Parameters
    ----------
    columns, config:
        See `Part`. No column is left when ``TfIdf`` is blocked.

    Examples
    --------
    >>> part = Texts([Column("note", "Text")], FeaturizationConfig())
    >>> notes = pd.DataFrame({"note": [f"note number {n}, about {n % 5}" for n in range(50)]})
    >>> part.fit_transform(notes, None).shape
    (50, 30)
    >>> part.output_names()[:2]
    ['note_tfidf_0', 'note_tfidf_1']
    """

    is_slow = True

    def __init__(self, columns: list[Column], config: FeaturizationConfig) -> None:
        super().__init__([] if config.is_blocked("TfIdf") else columns, config)

    def fit_transform(self, frame: pd.DataFrame, y: NDArray[Any] | None) -> NDArray[np.float32]:
        """Fit an encoder for each column; return float32 features, side by side."""
        from skrub import StringEncoder

        self._encoders = {}
        blocks = []
        for name in self.columns:
            params = {"random_state": 0} | self.config.params_of("TfIdf", name)
            self._encoders[name] = StringEncoder(**params)
            blocks.append(self._encoders[name].fit_transform(self._text(frame, name)).to_numpy())
        self._widths = [block.shape[1] for block in blocks]
        return np.hstack(blocks)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Return (n_rows, n_features) float32 features in the order of the columns."""
        blocks = [e.transform(self._text(frame, name)) for name, e in self._encoders.items()]
        return np.hstack([block.to_numpy() for block in blocks])

    def output_names(self) -> list[str]:
        """Return ``<column>_tfidf_<number>`` for each component."""
        widths = zip(self.columns, self._widths, strict=True)
        return [f"{name}_tfidf_{index}" for name, width in widths for index in range(width)]

    def source_columns(self) -> list[str]:
        """Return the text column of each component."""
        widths = zip(self.columns, self._widths, strict=True)
        return [name for name, width in widths for _ in range(width)]

    def summary(self) -> dict[str, tuple[int, list[str]]]:
        """Return the number of components of each column, by ``TfIdf``."""
        widths = zip(self.columns, self._widths, strict=True)
        return {name: (width, ["TfIdf"]) for name, width in widths}

    def _text(self, frame: pd.DataFrame, name: str) -> pd.Series:
        return normalise(frame[name], "Text").rename(name)
