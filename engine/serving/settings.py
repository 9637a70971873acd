"""What a user decides about an endpoint, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from engine.errors import ConfigException

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
#: Batches that may wait behind the one that is predicted; further requests get 503.
_BATCHES_WAITING = 8
#: Requests for predictions that a replica of small batches may hold all the same.
_LEAST_WAITING = 64


def check_endpoint_name(name: object) -> str:
    """Return the name of an endpoint, which is also a part of its address.

    Raises
    ------
    ConfigException
        For any other name.

    Examples
    --------
    >>> check_endpoint_name("churn-1")
    'churn-1'
    >>> check_endpoint_name("churn/1")
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: name='churn/1': allowed are 1 to 63 letters, digits and '-', ...
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigException(
            [
                f"name={name!r}: allowed are 1 to 63 letters, digits and '-', with a letter or "
                "digit at both ends"
            ]
        )
    return name


@dataclass(frozen=True)
class EndpointSettings:
    """Size and speed of an endpoint.

    Attributes
    ----------
    num_replicas:
        Processes that hold the model.
    min_replicas, max_replicas:
        With ``max_replicas`` Ray Serve keeps as many replicas as the requests need.
    cores_per_replica:
        CPU cores that a replica occupies on its node.
    max_batch_size:
        Most requests that are predicted at once.
    batch_wait_ms:
        Longest time in milliseconds that the first request of a batch waits for others. A request
        that comes alone does not wait.

    Raises
    ------
    ConfigException
        Lists every value that is not allowed.

    Examples
    --------
    >>> EndpointSettings(max_batch_size=16).most_waiting
    128
    >>> EndpointSettings(num_replicas=0, batch_wait_ms=-1)
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: 2 problems:
      - num_replicas=0: allowed is an integer of at least 1
      - batch_wait_ms=-1: allowed is a number from 0 to 10000
    """

    num_replicas: int = 1
    min_replicas: int | None = None
    max_replicas: int | None = None
    cores_per_replica: float = 1
    max_batch_size: int = 32
    batch_wait_ms: float = 5

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigException(problems)

    @property
    def most_waiting(self) -> int:
        """Requests for predictions that one replica holds; further ones get 503."""
        return max(_LEAST_WAITING, _BATCHES_WAITING * self.max_batch_size)

    @property
    def replicas_at_start(self) -> int:
        """Replicas that must have room when the endpoint starts."""
        if self.max_replicas is None:
            return self.num_replicas
        return 1 if self.min_replicas is None else self.min_replicas

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for the record of the endpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EndpointSettings:
        """Return the settings that `to_dict` gave.

        >>> EndpointSettings.from_dict(EndpointSettings(num_replicas=2).to_dict()).num_replicas
        2
        """
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def _problems(self) -> Iterator[str]:
        for name in ("num_replicas", "max_batch_size"):
            if not _is_whole(getattr(self, name), 1):
                yield f"{name}={getattr(self, name)!r}: allowed is an integer of at least 1"
        for name in ("min_replicas", "max_replicas"):
            value = getattr(self, name)
            if value is not None and not _is_whole(value, 1):
                yield f"{name}={value!r}: allowed is an integer of at least 1, or None"
        if not _is_number(self.cores_per_replica) or not 0 < self.cores_per_replica <= 1024:
            yield (
                f"cores_per_replica={self.cores_per_replica!r}: allowed is a number above 0, at "
                "most 1024"
            )
        if not _is_number(self.batch_wait_ms) or not 0 <= self.batch_wait_ms <= 10_000:
            yield f"batch_wait_ms={self.batch_wait_ms!r}: allowed is a number from 0 to 10000"
        if self.min_replicas is not None and self.max_replicas is None:
            yield "min_replicas: give max_replicas too; without it num_replicas decides"
        elif (
            _is_whole(self.min_replicas, 1)
            and _is_whole(self.max_replicas, 1)
            and self.min_replicas > self.max_replicas  # type: ignore[operator]
        ):
            yield f"min_replicas={self.min_replicas}: at most max_replicas={self.max_replicas}"


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
