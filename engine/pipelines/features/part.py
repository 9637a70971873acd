"""The contract of a part of the featurization, which makes features of the columns of one kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from numpy.typing import NDArray

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.pipelines.features.blocks import Features

#: ``encoded``: no NaN, categories as numbers that carry meaning. ``codes``: NaN stay, few
#: categories as codes (for trees). ``native``: NaN stay, few categories as a pandas categorical.
Output = Literal["encoded", "codes", "native"]


class Part(ABC):
    """Features of the raw columns of one kind: numbers, dates, texts or categories.

    A part is fitted by `fit_transform`; every other method needs a fitted part and changes
    nothing. The values of raw columns may be of any type: a part treats values that it cannot read
    as missing, and values that training did not have as unknown.

    Features are a float array (n_rows, n_features), or a DataFrame where some are categoricals.
    `output_names`, `source_columns` and the features agree in number and order. Fitted parts are
    pickled with the model.

    Parameters
    ----------
    columns:
        The raw columns.
    config:
        The user's changes to the featurization.

    Attributes
    ----------
    columns:
        Names of the raw columns that the part makes features of; empty when the user has blocked
        the transformer they need. A part without columns is left out.
    config:
        As given.
    is_slow:
        Whether making the features takes longer than reading them again. The features of a slow
        part do not depend on the output format, so that pipelines can share them.
    """

    is_slow = False

    def __init__(self, columns: Sequence[Column], config: FeaturizationConfig) -> None:
        self.columns = [column.name for column in columns]
        self.config = config

    @abstractmethod
    def fit_transform(self, frame: pd.DataFrame, y: NDArray[Any] | None) -> Features:
        """Fit on the training part and return its features.

        Parameters
        ----------
        frame:
            Table with at least the part's columns, under their names.
        y:
            (n_rows,) target. A feature that is made from the target does not leak it: a row's
            own target has no influence on the row's features.
        """

    @abstractmethod
    def transform(self, frame: pd.DataFrame) -> Features:
        """Return the features of any rows."""

    @abstractmethod
    def output_names(self) -> list[str]:
        """Return the name of each feature."""

    @abstractmethod
    def source_columns(self) -> list[str]:
        """Return the raw column that each feature was made from."""

    @abstractmethod
    def summary(self) -> dict[str, tuple[int, list[str]]]:
        """Return raw column -> number of its features and names of their transformers."""

    def group_by_params(
        self, transformer: str, columns: Sequence[str]
    ) -> list[tuple[list[str], dict[str, Any]]]:
        """Group columns for which the user wants the same parameters of ``transformer``.

        Returns
        -------
        list of (list of str, dict)
            Names and their parameters, in the order in which they come.

        Examples
        --------
        >>> from engine.pipelines.features.numbers import Numbers
        >>> config = FeaturizationConfig(
        ...     transformer_params={"Imputer": [(["age"], {"strategy": "median"})]}
        ... )
        >>> columns = [Column(name, "Numeric") for name in ("size", "age", "cost")]
        >>> part = Numbers(columns, config, "encoded")
        >>> part.group_by_params("Imputer", ["size", "age", "cost"])
        [(['size', 'cost'], {}), (['age'], {'strategy': 'median'})]
        """
        groups: list[tuple[list[str], dict[str, Any]]] = []
        for column in columns:
            params = self.config.params_of(transformer, column)
            for names, others in groups:
                if others == params:
                    names.append(column)
                    break
            else:
                groups.append(([column], params))
        return groups
