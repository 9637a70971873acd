"""Blocks of features, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def join_blocks(blocks: Sequence[Any]) -> Any:
    """Join blocks of columns with the same rows.

    Returns
    -------
    numpy.ndarray or pandas.DataFrame
        A DataFrame where one of the blocks is a DataFrame; a single block as it is.

    Examples
    --------
    >>> join_blocks([np.zeros((2, 1)), np.ones((2, 2))]).tolist()
    [[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """
    if len(blocks) == 1:
        return blocks[0]
    if not any(isinstance(block, pd.DataFrame) for block in blocks):
        return np.hstack(blocks)
    return pd.concat([pd.DataFrame(block) for block in blocks], axis=1)
