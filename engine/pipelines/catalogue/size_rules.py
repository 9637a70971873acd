"""Size rules: parameters of a specification turned into those of the estimator, by data size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Params = Mapping[str, Any]
#: (parameters of a specification, number of rows) -> parameters that the estimator is given.
SizeRule = Callable[[Params, int], Params]

#: Rows from which boosters make fewer rounds.
_MANY_ROWS = 100_000
_LEAST_ROUNDS = 100
#: Rows that each tree of a forest sees at most, and trees that a forest has at least.
_ROWS_OF_A_TREE = 50_000
_LEAST_TREES = 50
#: Rows from which networks make fewer epochs, the most epochs there, and the least anywhere.
_ROWS_OF_A_NETWORK = 20_000
_MOST_EPOCHS = 200
_LEAST_EPOCHS = 10


def as_given(params: Params, n_rows: int) -> Params:
    """Return the parameters as they are."""
    return params


def fewer_rounds(parameter: str, rounds: int) -> SizeRule:
    """Return a rule for boosters: fewer rounds above 100,000 rows, where each takes longer.

    Parameters
    ----------
    parameter:
        Name of the parameter for the number of rounds. A number that was asked for stays.
    rounds:
        Limit of the rounds on 100,000 rows.

    Examples
    --------
    >>> fewer_rounds("n_estimators", 2000)({}, 1_000_000)
    {'n_estimators': 200}
    """
    return lambda params, n_rows: (
        {parameter: max(_LEAST_ROUNDS, rounds * _MANY_ROWS // n_rows), **params}
        if n_rows > _MANY_ROWS
        else params
    )


def smaller_forest(most_leaves: int) -> SizeRule:
    """Return a rule for forests: at most 50,000 rows a tree, and fewer trees with many leaves.

    A tree of a regression has about one leaf of 150 bytes for every ``min_samples_leaf`` rows, and
    a model is in memory several times while it is packed. Trees of a classification have far
    fewer leaves.

    Parameters
    ----------
    most_leaves:
        Limit for the leaves of all trees, as long as there are 50 trees.

    Examples
    --------
    >>> smaller_forest(3_000_000)({"n_estimators": 400}, 1_000_000)
    {'bootstrap': True, 'max_samples': 0.05, 'n_estimators': 60}
    """

    def rule(params: Params, n_rows: int) -> Params:
        result = dict(params)
        rows = min(n_rows, _ROWS_OF_A_TREE)
        rows_a_leaf = result.get("min_samples_leaf", 1)
        most = max(_LEAST_TREES, most_leaves * rows_a_leaf // max(1, rows))
        if result.get("n_estimators", 100) > most:
            result["n_estimators"] = most
        if n_rows > rows:
            result = {"bootstrap": True, "max_samples": rows / n_rows, **result}
        return result

    return rule


def network_within_bounds(params: Params, n_rows: int) -> Params:
    """Return a network's layers of one width, and at most 200 epochs over 20,000 rows.

    On more rows there are fewer epochs, so that the number of weight updates stays.

    Examples
    --------
    >>> network_within_bounds({"n_layers": 2, "hidden_layer_sizes": 32}, 1000)
    {'hidden_layer_sizes': (32, 32)}
    """
    result = dict(params)
    n_layers = result.pop("n_layers", 1)
    if n_layers > 1:
        result["hidden_layer_sizes"] = (result.get("hidden_layer_sizes", 100),) * n_layers
    if n_rows > _ROWS_OF_A_NETWORK:
        most = max(_LEAST_EPOCHS, _MOST_EPOCHS * _ROWS_OF_A_NETWORK // n_rows)
        result["max_iter"] = min(result.get("max_iter", most), most)
    return result
