"""Checks of a target, which end in one form for each task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.multiclass import type_of_target

from engine.data.matrix import describe, in_pandas, unmasked
from engine.data.values import LARGEST, has_too_large, valid_text
from engine.errors import DataException
from engine.metrics.metric import Task

#: A target may have more classes than half its rows up to this number.
_MOST_RARE_CLASSES = 20
#: Integers below it have a float of their own.
_EXACT_IN_FLOAT = 2.0**53


def as_labels(y: object, name: str) -> NDArray[Any]:
    """Return a target of any kind as a one-dimensional array.

    Parameters
    ----------
    y:
        (n_rows,) or (n_rows, 1): list, numpy array, or pandas, polars or pyarrow column.
    name:
        Name of the target in error messages.

    Raises
    ------
    DataException
        When it is sparse or has more than one column.

    Examples
    --------
    >>> as_labels([[1], [2]], "y")
    array([1, 2])
    >>> as_labels([1, "a"], "y")  # not turned into text, so that the mix is found
    array([1, 'a'], dtype=object)
    """
    if sparse.issparse(y):
        raise DataException(f"{name} is a sparse matrix; give it as an array of shape (n_rows,)")
    y = in_pandas(y)
    array: NDArray[Any]
    if isinstance(y, pd.api.extensions.ExtensionArray):
        y = pd.Series(y)
    if isinstance(y, pd.Series) and isinstance(y.dtype, pd.api.extensions.ExtensionDtype):
        array = y.astype(object).to_numpy()
    else:
        y = unmasked(y)
        try:
            array = np.asarray(y)
        except ValueError as error:
            raise DataException(f"{name} is not a list of values: {error}") from error
        if _hides_a_mix(y, array):
            array = np.asarray(y, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise DataException(
            f"{name} has the shape {array.shape}; expected (n_rows,). "
            "Multi-label and multi-output targets are not supported"
        )
    return array


def _hides_a_mix(y: object, array: NDArray[Any]) -> bool:
    """Whether numpy may have made one type of several, as of ``[1, "a"]`` or ``[True, 2]``."""
    if isinstance(y, np.ndarray):
        return False
    if array.dtype.kind == "U":
        return True
    is_list = isinstance(y, list | tuple) and array.dtype.kind in "iuf" and array.ndim == 1
    return is_list and any(isinstance(value, bool | np.bool_) for value in y)  # type: ignore[attr-defined]


def rows_with_label(
    y: NDArray[Any], name: str, exclude: bool
) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """Return a mask of the rows that have a target, and a note about the others.

    Parameters
    ----------
    y:
        (n_rows,) target.
    name:
        Name of the target in notes and error messages.
    exclude:
        Whether rows without a target may be left out.

    Returns
    -------
    tuple
        ``(None, ())`` when every row has a target.

    Raises
    ------
    DataException
        When all values are missing, or some are and ``exclude`` is false.

    Examples
    --------
    >>> rows_with_label(np.array([1.0, np.nan]), "y", exclude=True)
    (array([ True, False]), ('1 of 2 rows have no value in y and are left out',))
    """
    missing = np.asarray(pd.isna(y))
    n_missing = int(missing.sum())
    if not n_missing:
        return None, ()
    if n_missing == len(y):
        raise DataException(f"{name} has no values: all {len(y)} are missing")
    if not exclude:
        raise DataException(
            f"{name} has {n_missing} missing values of {len(y)} and exclude_nan_labels is False"
        )
    return ~missing, (f"{n_missing} of {len(y)} rows have no value in {name} and are left out",)


def check_target(
    y: NDArray[Any], task: Task, class_labels: object
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the target in the form of the task, and the sorted classes.

    Parameters
    ----------
    y:
        (n_rows,) target without missing values.
    task:
        ``classification`` or ``regression``.
    class_labels:
        All labels that may occur, or ``None`` for those of ``y``.

    Returns
    -------
    tuple
        Labels and classes; for regression float64 values and ``None``.

    Raises
    ------
    DataException
        When the target does not fit the task, has one value only, or has almost as many classes
        as rows.

    Examples
    --------
    >>> check_target(np.array(["b", "a"], dtype=object), "classification", None)
    (array(['b', 'a'], dtype='<U1'), array(['a', 'b'], dtype='<U1'))
    >>> check_target(np.array([1, 2]), "regression", None)
    (array([1., 2.]), None)
    """
    if task == "regression":
        return _check_numbers(y), None
    labels = plain_labels(y)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DataException("y has infinite values, which are no classes")
    if labels.dtype.kind == "f" and type_of_target(labels) == "continuous":
        raise DataException(
            f"y holds fractions ({labels[0]}, ...), which are no classes; for a number use "
            "task='regression'"
        )
    classes = np.unique(labels)
    if len(classes) < 2:
        raise DataException(
            f"y has one class only ({classes.tolist()[0]!r}); classification needs at least two"
        )
    if len(classes) > max(_MOST_RARE_CLASSES, len(labels) / 2):
        raise DataException(
            f"y has {len(classes)} different labels in {len(labels)} rows, as an ID or a measured "
            "number has; give more rows of each class, or use task='regression'"
        )
    if class_labels is not None:
        _check_listed(classes, class_labels)
    return labels, classes


def _check_listed(classes: NDArray[Any], class_labels: object) -> None:
    """Raise `DataException` for classes that the user's list lacks."""
    known = plain_labels(as_labels(class_labels, "class_labels"), "class_labels").tolist()
    unlisted = [label for label in classes.tolist() if label not in known]
    if unlisted:
        raise DataException(f"y has labels that class_labels does not list: {unlisted[:10]}")


def _check_numbers(y: NDArray[Any]) -> NDArray[np.float64]:
    target = _as_numbers(y, "y")
    if np.ptp(target) == 0:
        raise DataException(f"y has one value only ({target[0]}); there is nothing to learn")
    return target


def _as_numbers(y: NDArray[Any], name: str) -> NDArray[np.float64]:
    try:
        if y.dtype.kind not in "biufOU":
            raise TypeError(f"{y.dtype} is no number")
        target = y.astype(np.float64)
    except OverflowError:
        target = np.array([np.inf])
    except (TypeError, ValueError) as error:
        raise DataException(
            f"{name} is not numeric ({describe(y[0])}, ...): task='regression' needs numbers; "
            "for classes use task='classification'"
        ) from error
    if has_too_large(target):
        raise DataException(f"{name} has infinite values, or values beyond {LARGEST:.1e}")
    return target


def check_valid_target(y: NDArray[Any], classes: NDArray[Any] | None) -> NDArray[Any]:
    """Return the target of a validation part in the form of the training target.

    Parameters
    ----------
    y:
        (n_rows,) target without missing values.
    classes:
        Sorted classes of the training target; ``None`` for regression.

    Raises
    ------
    DataException
        When there are labels that the training part does not have, or values that are no numbers.

    Examples
    --------
    >>> check_valid_target(np.array(["b"], dtype=object), np.array(["a", "b"]))
    array(['b'], dtype='<U1')
    """
    if classes is None:
        return _as_numbers(y, "y_valid")
    labels, known = plain_labels(y, "y_valid"), classes.tolist()
    unseen = [label for label in np.unique(labels).tolist() if label not in known]
    if unseen:
        raise DataException(f"y_valid has labels that y does not have: {unseen[:10]}")
    return labels.astype(classes.dtype)


def plain_labels(y: NDArray[Any], name: str = "y") -> NDArray[Any]:
    """Return labels as one numpy type: booleans, integers, floats or strings.

    Raises
    ------
    DataException
        When the labels mix text, numbers and booleans, or are of another type.

    Examples
    --------
    >>> plain_labels(np.array([True, False], dtype=object)).dtype
    dtype('bool')
    >>> plain_labels(np.array([1, "a"], dtype=object))
    Traceback (most recent call last):
    ...
    engine.errors.DataException: y mixes or holds types that cannot be classes (number, text); \
use only strings, only numbers or only booleans
    """
    if y.dtype.kind in "biuf":
        return y
    kinds = {"text"} if y.dtype.kind == "U" else {_kind(value) for value in y}
    if len(kinds) > 1 or not kinds <= {"text", "boolean", "number"}:
        raise DataException(
            f"{name} mixes or holds types that cannot be classes ({', '.join(sorted(kinds))}); "
            "use only strings, only numbers or only booleans"
        )
    labels = np.array(y.tolist())
    whole = kinds == {"number"} and all(isinstance(value, int | np.integer) for value in y)
    if labels.dtype.kind == "O" or (whole and labels.dtype.kind == "f"):
        raise DataException(
            f"{name} has integers beyond 64 bits, which cannot be classes; give them as text"
        )
    if kinds == {"text"} and any(valid_text(label) != label for label in np.unique(labels)):
        raise DataException(f"{name} has labels that are not valid Unicode")
    return labels


def whole_labels(y: NDArray[Any]) -> NDArray[Any]:
    """Return float labels as integers where all are whole numbers.

    pandas turns integers into floats in a column with missing values. Without these rows they
    are integers again.

    Examples
    --------
    >>> whole_labels(np.array([0.0, 1.0]))
    array([0, 1])
    >>> whole_labels(np.array([0.5, 1.0]))
    array([0.5, 1. ])
    """
    if y.dtype.kind != "f" or not (np.abs(y) < _EXACT_IN_FLOAT).all() or (y != np.floor(y)).any():
        return y
    return y.astype(np.int64)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "boolean"
    is_number = isinstance(value, int | float | np.integer | np.floating)
    return "number" if is_number and not isinstance(value, np.timedelta64) else type(value).__name__


def positive_code(label: object, classes: NDArray[Any] | None) -> int:
    """Return the code of the positive class.

    Parameters
    ----------
    label:
        The label that the user named.
    classes:
        Sorted classes; ``None`` for regression.

    Raises
    ------
    DataException
        When there are not exactly two classes, or neither has the label.

    Examples
    --------
    >>> positive_code("yes", np.array(["no", "yes"]))
    1
    """
    labels = [] if classes is None else classes.tolist()
    if len(labels) != 2:
        raise DataException(
            f"positive_label={label!r} is for two classes; the target has {len(labels)}"
        )
    # In Python, True == 1; a user who mixes the two has mistaken the column.
    found = [n for n, other in enumerate(labels) if other == label]
    if isinstance(label, bool | np.bool_) != isinstance(labels[0], bool) or not found:
        raise DataException(f"positive_label={label!r}: the target's labels are {labels}")
    return found[0]


def check_class_weight(weight: object, classes: NDArray[Any] | None) -> None:
    """Check that class weights are for classes of the target, and leave two of them.

    Parameters
    ----------
    weight:
        Label -> weight; anything else, such as ``"balanced"``, suits every target.
    classes:
        Sorted classes; ``None`` for regression.

    Raises
    ------
    DataException
        When a label is not among the classes, or fewer than two classes have a weight above zero.

    Examples
    --------
    >>> check_class_weight({"no": 1.0, "yes": 5.0}, np.array(["no", "yes"]))
    >>> check_class_weight({"maybe": 2.0}, np.array(["no", "yes"]))
    Traceback (most recent call last):
    ...
    engine.errors.DataException: class_weight has the labels ['maybe']; the target's labels are \
['no', 'yes']
    """
    if not isinstance(weight, Mapping) or classes is None:
        return
    labels = classes.tolist()
    booleans = isinstance(labels[0], bool)
    unknown = [
        label for label in weight if label not in labels or isinstance(label, bool) != booleans
    ]
    if unknown:
        raise DataException(
            f"class_weight has the labels {unknown[:10]}; the target's labels are {labels[:50]}"
        )
    if sum(weight.get(label, 1) > 0 for label in labels) < 2:
        raise DataException("class_weight leaves fewer than two classes with a weight above zero")
