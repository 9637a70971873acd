"""Stores that fail, and the time of their outages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from engine.store.retrying import Patience

#: Does a call of number and name, or not.
Fault = Callable[[int, str, Callable[[], Any]], Any]

FILES = ("log_artifacts", "log_text", "list_artifacts", "download_artifacts")
READS = ("get_", "search_", "list_", "download_")


class SimulatedTime:
    """Time in which an outage passes at once: pauses between two tries turn it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, clock=self.clock, sleep=self.sleep)


class FaultyClient:
    """An ``MlflowClient`` whose calls are numbered and pass through a fault."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.fault: Fault = works

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        call = getattr(self._client, name)

        def made(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                number = len(self.calls)
                self.calls.append(name)
            return self.fault(number, name, lambda: call(*args, **kwargs))

        return made


def away() -> MlflowException:
    return MlflowException("the server is away", TEMPORARILY_UNAVAILABLE)


def works(number: int, name: str, call: Callable[[], Any]) -> Any:
    return call()


def fails_at(chosen: int) -> Fault:
    """The store does not get one call."""

    def fault(number, name, call):
        if number == chosen:
            raise away()
        return call()

    return fault


def loses_the_answer_to(chosen: int) -> Fault:
    """The store does what one call says, and nobody hears of it."""

    def fault(number, name, call):
        answer = call()
        if number == chosen:
            raise away()
        return answer

    return fault


def hangs_at(chosen: int, time: SimulatedTime) -> Fault:
    """One request is not answered within MLflow's limit."""

    def fault(number, name, call):
        if number == chosen:
            time.sleep(120.0)
            raise MlflowException("API request failed with timeout exception")
        return call()

    return fault


def is_slow_at(chosen: int, time: SimulatedTime) -> Fault:
    """One request takes nearly as long as MLflow's limit."""

    def fault(number, name, call):
        if number == chosen:
            time.sleep(119.0)
        return call()

    return fault


class Died(BaseException):
    """The process was killed: no error handler of it does anything any more."""


def dies_at(chosen: int, in_the_middle: Callable[[], None] | None = None) -> Fault:
    """The caller is killed before one of its writes, or in the middle of it, for good.

    Its other threads do not get as far as to write.
    """
    writes, caller = 0, threading.get_ident()

    def fault(number, name, call):
        nonlocal writes
        if not is_write(name):
            return call()
        if threading.get_ident() != caller:
            return None
        writes += 1
        if writes <= chosen:
            return call()
        if in_the_middle is not None and name in FILES and writes == chosen + 1:
            call()
            in_the_middle()
        raise Died

    return fault


def gone_from(first: int, which: Callable[[str], bool] = lambda name: True) -> Fault:
    """From one call on the store gets no calls, or none of some kind."""

    def fault(number, name, call):
        if number >= first and which(name):
            raise away()
        return call()

    return fault


def gone_from_the(
    count: int, chosen: str, which: Callable[[str], bool] = lambda name: True
) -> Fault:
    """From so many calls of one name on the store gets no calls, or none of some kind."""
    seen = 0

    def fault(number, name, call):
        nonlocal seen
        seen += name == chosen
        if seen >= count and which(name):
            raise away()
        return call()

    return fault


def is_write(name: str) -> bool:
    return not name.startswith(READS)


def is_of_files(name: str) -> bool:
    return name in FILES
