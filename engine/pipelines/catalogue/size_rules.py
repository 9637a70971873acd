"""What the parameters of a specification become: in the estimator's own words, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Params = Mapping[str, Any]
#: (parameters of a specification, number of rows) -> what the estimator is given.
Settle = Callable[[Params, int], Params]


def as_given(params: Params, n_rows: int) -> Params:
    return params


def fewer_rounds(parameter: str, rounds: int) -> Settle:
    """Above 100,000 rows a boosting round takes longer, and there are fewer of them at most."""
    return lambda params, n_rows: (
        {parameter: max(100, rounds * 100_000 // n_rows), **params} if n_rows > 100_000 else params
    )


def forest(most_leaves: int) -> Settle:
    """Each tree sees 50,000 rows at most; fewer trees where they have many leaves (50 at least).

    A tree of a regression has about a leaf for every ``min_samples_leaf`` rows, of 150 bytes each,
    and a model is in memory several times while it is packed; one of a classification far fewer.
    """

    def settle(params: Params, n_rows: int) -> Params:
        settled = dict(params)
        rows = min(n_rows, 50_000)
        most = max(50, most_leaves * settled.get("min_samples_leaf", 1) // max(1, rows))
        if settled.get("n_estimators", 100) > most:
            settled["n_estimators"] = most
        if n_rows > rows:
            settled = {"bootstrap": True, "max_samples": rows / n_rows, **settled}
        return settled

    return settle


def network(params: Params, n_rows: int) -> Params:
    """Layers of one width; no more weight updates than 200 epochs over 20,000 rows are."""
    settled = dict(params)
    n_layers = settled.pop("n_layers", 1)
    if n_layers > 1:
        settled["hidden_layer_sizes"] = (settled.get("hidden_layer_sizes", 100),) * n_layers
    if n_rows > 20_000:
        most = max(10, 200 * 20_000 // n_rows)
        settled["max_iter"] = min(settled.get("max_iter", most), most)
    return settled
