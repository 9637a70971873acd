"""Counting the requests that stores send through their client."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from mlflow import MlflowClient

from tests.store.memory_client import MemoryClient

#: Threads in which drivers of the process, of earlier tests too, show that they are alive.
_HEARTBEATS = "raysmith-poll"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count this process's calls of a store's client inside the block, by name."""
    calls: Counter[str] = Counter()
    inside = threading.local()

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            is_of_a_driver = threading.current_thread().name.startswith(_HEARTBEATS)
            if is_of_a_driver or getattr(inside, "a_call", False):
                return real(*args, **kwargs)
            calls[name] += 1
            inside.a_call = True
            try:
                return real(*args, **kwargs)
            finally:
                inside.a_call = False

        return call

    with ExitStack() as patches:
        for client in (MlflowClient, MemoryClient):
            for name, real in vars(client).items():
                if callable(real) and not name.startswith("_"):
                    patches.enter_context(patch.object(client, name, counting(name, real)))
        yield calls
