"""Counting the requests that a store sends to MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.store.mlflow_store import RunStore


class _Counting:
    """MLflow's client, whose calls are counted by name."""

    def __init__(self, client: Any, calls: Counter[str]) -> None:
        self._client, self._calls = client, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls[name] += 1
            return found(*args, **kwargs)

        return call


@contextmanager
def counted(store: RunStore) -> Iterator[Counter[str]]:
    """Count the calls of the store's client inside the block."""
    calls: Counter[str] = Counter()
    client, store.client = store.client, _Counting(store.client, calls)  # type: ignore[assignment]
    try:
        yield calls
    finally:
        store.client = client
