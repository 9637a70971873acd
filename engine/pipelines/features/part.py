"""Columns of one kind, and what becomes of them: numbers, dates, texts, categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig

#: ``encoded``: no NaN, categories as numbers that carry meaning. ``codes``: NaN stay, few
#: categories as codes (for trees). ``native``: NaN stay, few categories as a pandas categorical.
Output = Literal["encoded", "codes", "native"]


def side_by_side(blocks: list[Any]) -> Any:
    """Blocks of columns as one: an array, or a DataFrame where one of them is."""
    if len(blocks) == 1:
        return blocks[0]
    if not any(isinstance(block, pd.DataFrame) for block in blocks):
        return np.hstack(blocks)
    return pd.concat([pd.DataFrame(block) for block in blocks], axis=1)


class Part:
    """Columns of one kind."""

    #: Whether making it costs more than keeping it. It is then the same whatever the output.
    is_slow = False

    def __init__(self, columns: list[Column], config: FeaturizationConfig) -> None:
        self.columns = [column.name for column in columns]
        self.config = config

    def fit_transform(self, frame: pd.DataFrame, y: Any) -> Any:
        raise NotImplementedError

    def names(self) -> list[str]:
        raise NotImplementedError

    def transform(self, frame: pd.DataFrame) -> Any:
        raise NotImplementedError

    def made(self) -> dict[str, tuple[int, list[str]]]:
        """Column -> how many columns came of it, and by which steps."""
        raise NotImplementedError

    def sources(self) -> list[str]:
        """The raw column of each column that comes out, in their order."""
        raise NotImplementedError

    def grouped(self, transformer: str, columns: Sequence[str]) -> list[tuple[list[str], Any]]:
        """Columns that have the same parameters of ``transformer``, with these."""
        groups: list[tuple[list[str], dict[str, Any]]] = []
        for column in columns:
            params = self.config.params_of(transformer, column)
            for names, known in groups:
                if known == params:
                    names.append(column)
                    break
            else:
                groups.append(([column], params))
        return groups
