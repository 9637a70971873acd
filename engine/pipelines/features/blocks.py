"""Blocks of features, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: (n_rows, n_features) numbers; a DataFrame where some of the features are categoricals.
Features = NDArray[Any] | pd.DataFrame


def join_blocks(blocks: Sequence[Features]) -> Features:
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
    arrays = [block for block in blocks if not isinstance(block, pd.DataFrame)]
    if len(arrays) == len(blocks):
        return np.hstack(arrays)
    return pd.concat([pd.DataFrame(block) for block in blocks], axis=1)
