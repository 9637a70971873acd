"""Rows for training and rows for validation: folds, Monte Carlo splits and hold-outs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

from engine.data.dataset import Dataset, DataSummary, Fold
from engine.errors import DataException


@dataclass(frozen=True)
class SplitPlan:
    """Plan of how rows are divided into training and validation.

    Attributes
    ----------
    n_cross_validations:
        Number of folds; with ``validation_size`` the number of Monte Carlo splits. Where both are
        ``None``: 10 folds up to 1,000 rows, 5 up to 20,000, above that a 10 % hold-out.
    validation_size:
        Share of the rows that validates, between 0 and 1; given alone it means one hold-out.
    random_state:
        Seed of the shuffling.
    """

    n_cross_validations: int | None = None
    validation_size: float | None = None
    random_state: int = 0

    def resolve(self, n_rows: int) -> SplitPlan:
        """Return the plan with the defaults for this number of rows filled in.

        Examples
        --------
        >>> SplitPlan().resolve(500).n_cross_validations
        10
        >>> SplitPlan().resolve(50_000).validation_size
        0.1
        """
        if self.n_cross_validations is not None or self.validation_size is not None:
            return self
        if n_rows > 20_000:
            return SplitPlan(None, 0.1, self.random_state)
        return SplitPlan(10 if n_rows <= 1_000 else 5, None, self.random_state)


def check_plan(data: DataSummary, plan: SplitPlan) -> tuple[str, ...]:
    """Return warnings about a plan for this data.

    Parameters
    ----------
    data:
        Size and classes of the data.
    plan:
        The plan, before or after `SplitPlan.resolve`.

    Raises
    ------
    DataException
        When there are fewer rows than folds, or a validation part would be empty.
    """
    if data.validation != "split":
        return ()
    resolved = plan.resolve(data.n_rows)
    folds = resolved.n_cross_validations
    if resolved.validation_size is not None:
        n_valid = int(np.ceil(resolved.validation_size * data.n_rows))
        if n_valid >= data.n_rows:
            raise DataException(
                f"validation_size={resolved.validation_size} of {data.n_rows} rows leaves none to "
                "train on; give more rows or a smaller share"
            )
        parts = 2
    else:
        assert folds is not None
        if folds > data.n_rows:
            asked = (
                f"n_cross_validations={folds}"
                if plan.n_cross_validations
                else f"{folds} folds, the default up to 1,000 rows,"
            )
            raise DataException(
                f"{asked} needs at least {folds} rows, the data has {data.n_rows}; "
                "give more rows or set n_cross_validations lower"
            )
        parts = folds
    if data.class_counts is None:
        return ()
    rare = sum(count < parts for count in data.class_counts)
    if not rare:
        return ()
    fewest = min(data.class_counts)
    return (
        f"{rare} of {len(data.class_counts)} classes have fewer rows than the {parts} parts of the "
        f"split (the rarest has {fewest}): some parts do not hold every class",
    )


def check_folds(dataset: Dataset, plan: SplitPlan) -> None:
    """Check that every part of the splits has rows, classes and weights to learn from.

    Parameters
    ----------
    dataset:
        The checked data.
    plan:
        How rows are divided, see `make_splits`.

    Raises
    ------
    DataException
        Names the first part that has no rows, that trains on a single class, or whose sample
        weights are all zero.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> folds = [([0, 1], [2, 3]), ([2, 3], [0, 1])]
    >>> raw = {"X": [[0], [1], [2], [3]], "y": [0, 0, 1, 1], "cv_splits_indices": folds}
    >>> check_folds(check_data(raw, "classification"), SplitPlan())
    Traceback (most recent call last):
    ...
    engine.errors.DataException: fold 0 of cv_splits_indices trains on rows of one class only (0); \
each training part needs two
    """
    check_plan(dataset.summary(), plan)
    given = dataset.cv_splits_indices is not None
    where = "of cv_splits_indices" if given else "of the split"
    for number, (train, valid) in enumerate(make_splits(dataset, plan)):
        name = f"fold {number} {where}"
        for part, rows in (("training", train), ("validation", valid)):
            if not len(rows):
                raise DataException(f"{name} has no {part} rows with a target")
            if dataset.sample_weight is not None and not dataset.sample_weight[rows].any():
                raise DataException(
                    f"{name}: the sample weights of the {part} rows are all zero; give other "
                    "splits or weights"
                )
        trained = dataset.y[train]
        if dataset.classes is not None and (trained == trained[0]).all():
            advice = "" if given else "; give more rows of the other classes, or other splits"
            raise DataException(
                f"{name} trains on rows of one class only ({trained.tolist()[0]!r}); each "
                f"training part needs two{advice}"
            )


def make_splits(dataset: Dataset, plan: SplitPlan) -> list[Fold]:
    """Return (train rows, validation rows) of each fold, as int64 arrays of row numbers.

    Splits of a classification are stratified as far as the rarest class allows. The user's own
    splits are returned as they are. Data with its own validation part has no splits.

    Parameters
    ----------
    dataset:
        The checked data.
    plan:
        How rows are divided; the same plan and rows give the same splits.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> data = check_data({"X": [[i] for i in range(6)], "y": [0, 1] * 3}, "classification")
    >>> for train, valid in make_splits(data, SplitPlan(3)):
    ...     print(train, valid, data.y[valid])
    [0 1 2 5] [3 4] [1 0]
    [0 1 3 4] [2 5] [0 1]
    [2 3 4 5] [0 1] [0 1]
    """
    if dataset.X_valid is not None:
        return []
    if dataset.cv_splits_indices is not None:
        return list(dataset.cv_splits_indices)
    plan = plan.resolve(dataset.n_rows)
    seed, size = plan.random_state, plan.validation_size
    rows = np.zeros(dataset.n_rows)
    if size is not None:
        strata = _strata(dataset, int(np.ceil(size * dataset.n_rows)))
        chosen = ShuffleSplit if strata is None else StratifiedShuffleSplit
        splitter = chosen(plan.n_cross_validations or 1, test_size=size, random_state=seed)
    else:
        strata = None if dataset.classes is None else dataset.target(dataset.y)
        if strata is not None and np.bincount(strata).max() < (plan.n_cross_validations or 0):
            strata = None  # every class is rarer than the folds: StratifiedKFold would refuse
        folder = KFold if strata is None else StratifiedKFold
        splitter = folder(plan.n_cross_validations, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # check_plan has warned the user about rare classes already.
        warnings.filterwarnings("ignore", message="The least populated class")
        pairs = splitter.split(rows, strata)
        return [(train.astype(np.int64), valid.astype(np.int64)) for train, valid in pairs]


def is_k_fold(folds: Sequence[Fold], n_rows: int) -> bool:
    """Whether each row is validated by exactly one of several folds.

    Examples
    --------
    >>> a, b = np.array([0, 1]), np.array([2])
    >>> is_k_fold([(a, b), (b, a)], n_rows=3)
    True
    >>> is_k_fold([(a, b)], n_rows=3)
    False
    """
    times = np.zeros(n_rows, dtype=np.int64)
    for _, valid in folds:
        times[valid] += 1
    return len(folds) > 1 and bool((times == 1).all())


def _strata(dataset: Dataset, n_valid: int) -> np.ndarray | None:
    """Return the strata of a hold-out; classes with a single row form one stratum together."""
    if dataset.classes is None:
        return None
    codes = dataset.target(dataset.y)
    counts = np.bincount(codes)
    strata = np.where(counts[codes] < 2, -1, codes)
    _, sizes = np.unique(strata, return_counts=True)
    n_train = dataset.n_rows - n_valid
    if sizes.min() < 2 or len(sizes) > min(n_valid, n_train):
        return None
    return np.asarray(strata)
