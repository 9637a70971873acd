"""Memory that trials ask Ray for, so that no more of them share a node than fit in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

#: Parts of a trial's share of its node in which memory is asked for. Tune reuses the process of a
#: trial only for one that asks for the same.
_PARTS_OF_A_SHARE = 2


class MemoryRequests:
    """Says how much memory each trial asks for.

    As long as every trial is expected to fit in its share of a node, by its cores, none asks for
    any: cores alone decide what runs where, as they do on a cluster that others use too. From the
    first trial on that is larger, all of them ask.

    Parameters
    ----------
    cores:
        CPU cores of a trial.
    nodes:
        Returns the resources of the nodes that could hold a trial: ``CPU`` in cores, ``memory`` in
        bytes.

    Examples
    --------
    >>> requests = MemoryRequests(1, lambda: [{"CPU": 4.0, "memory": 4.0 * 2**30}])
    >>> [requests.bytes_for(megabytes) / 2**20 for megabytes in (500, 1300, 500)]
    [0.0, 1536.0, 512.0]
    """

    def __init__(self, cores: float, nodes: Callable[[], Sequence[Mapping[str, float]]]) -> None:
        self._cores = cores
        self._nodes = nodes
        self._all_ask = False

    def bytes_for(self, expected_mb: float | None) -> int:
        """Return the bytes that a trial asks for; 0 for none.

        It is never more than the largest node has.

        Parameters
        ----------
        expected_mb:
            MiB that it is expected to need; ``None`` when nobody knows.
        """
        if expected_mb is None:
            return 0
        nodes = [node for node in self._nodes() if node.get("memory", 0.0) > 0]
        if not nodes:
            return 0
        share = min(node["memory"] * min(1.0, self._cores / node["CPU"]) for node in nodes)
        self._all_ask = self._all_ask or expected_mb * 2**20 > share
        if not self._all_ask:
            return 0
        part = share / _PARTS_OF_A_SHARE
        wanted = math.ceil(expected_mb * 2**20 / part) * part
        return int(min(wanted, max(node["memory"] for node in nodes)))
