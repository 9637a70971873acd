"""Memory of the processes of a node's trials: watched, and limited."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass

import psutil

_LOOK_SECONDS = 0.25
_MIB = 2**20


@dataclass(frozen=True)
class LastMemory:
    """What a trial's process had when it died, in MiB.

    Attributes
    ----------
    peak_mb:
        The most that it has had for itself.
    beside_mb:
        The most that the process of another trial on the node has had; 0 without one.
    """

    peak_mb: float
    beside_mb: float

    def was_bystander(self, expected_mb: float | None) -> bool:
        """Whether another trial has taken the memory that the node did not have.

        Parameters
        ----------
        expected_mb:
            What the trial was expected to need; ``None`` when nobody knows.

        Examples
        --------
        >>> LastMemory(200.0, 3000.0).was_bystander(300.0)
        True
        >>> LastMemory(400.0, 3000.0).was_bystander(300.0)
        False
        >>> LastMemory(3000.0, 200.0).was_bystander(None)
        False
        """
        is_within = expected_mb is None or self.peak_mb <= expected_mb
        return is_within and self.peak_mb < self.beside_mb


@dataclass
class _Watched:
    """A process of a trial."""

    pid: int
    limit_mb: int | None
    start: int
    peak: int


class MemoryWatch:
    """Looks at the memory of trials' processes, and ends those that have more than they may.

    A process executes one trial after the other. Calls may come from several threads and in another
    order than they were made: what is late does not touch the trial that the process executes now.

    Examples
    --------
    >>> watch = MemoryWatch()
    >>> watch.watch("0.log", os.getpid(), turn=1, limit_mb=None)
    >>> start_mb, peak_mb = watch.end("0.log", os.getpid(), turn=1)
    >>> peak_mb >= start_mb > 1.0
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Log file of a trial -> its process.
        self._watched: dict[str, _Watched] = {}
        #: Log file of a trial -> why it was ended.
        self._over: dict[str, str] = {}
        #: Log file of a trial whose process has died -> what it had.
        self._left: dict[str, LastMemory] = {}
        #: Process -> the latest turn that was begun, and the latest that has ended.
        self._begun: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._is_looking = False

    def watch(self, file: str, pid: int, turn: int, limit_mb: int | None) -> None:
        """Watch a process until it ends or `end` is called.

        Parameters
        ----------
        file:
            The log file of the trial that the process executes, which stands for the trial.
        pid:
            The process.
        turn:
            Grows from one of the process's trials to the next.
        limit_mb:
            MiB that it may have; memory that it shares with others does not count. ``None`` for no
            limit.
        """
        used = own_memory(pid)
        with self._lock:
            self._over.pop(file, None)  # of an earlier try
            self._left.pop(file, None)
            if used is None:
                return
            is_late = turn < self._begun.get(pid, turn) or turn <= self._ended.get(pid, turn - 1)
            if is_late:
                return
            self._begun[pid] = turn
            others = {f: w for f, w in self._watched.items() if w.pid != pid}
            self._watched = others | {file: _Watched(pid, limit_mb, used, used)}
            is_first = not self._is_looking
            self._is_looking = True
        if is_first:
            threading.Thread(target=self._look, name="raysmith-memory", daemon=True).start()

    def end(self, file: str, pid: int, turn: int) -> tuple[float, float] | None:
        """Watch a trial's process no longer; arguments as in `watch`.

        Returns
        -------
        tuple or None
            The MiB that it had for itself at first and at its peak; ``None`` if nobody knows.
        """
        with self._lock:
            self._ended[pid] = max(turn, self._ended.get(pid, turn))
            watched = self._watched.pop(file, None)
        if watched is None:
            return None
        peak = max(watched.peak, own_memory(watched.pid) or 0)
        return round(watched.start / _MIB, 1), round(peak / _MIB, 1)

    def why_ended(self, file: str) -> str | None:
        """Return why a trial's process was ended here; ``None`` if it was not."""
        return self._over.get(file)

    def last_memory(self, file: str) -> LastMemory | None:
        """Return what a trial's process had when it died, or has now; ``None`` if nobody knows."""
        with self._lock:
            return self._left.get(file) or self._memory_of(file)

    def _memory_of(self, file: str) -> LastMemory | None:
        watched = self._watched.get(file)
        if watched is None:
            return None
        others = [other.peak for other in self._watched.values() if other is not watched]
        return LastMemory(watched.peak / _MIB, max(others, default=0) / _MIB)

    def _look(self) -> None:
        """Look at the processes until none of them is left."""
        pause = threading.Event()
        while True:
            with self._lock:
                watched = list(self._watched.items())
                if not watched:
                    self._is_looking = False
                    return
            for file, process in watched:
                self._look_at(file, process)
            pause.wait(_LOOK_SECONDS)

    def _look_at(self, file: str, process: _Watched) -> None:
        used = own_memory(process.pid)
        with self._lock:
            if self._watched.get(file) is not process:
                return
            process.peak = max(process.peak, used or 0)
            is_over = process.limit_mb is not None and (used or 0) > process.limit_mb * _MIB
            if used is not None and not is_over:
                return
            left = self._memory_of(file)
            if left is not None:
                self._left[file] = left
            del self._watched[file]
            if is_over:
                self._over[file] = (
                    f"over mem_in_mb={process.limit_mb}: it used {(used or 0) / _MIB:.0f} MB"
                )
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)


def own_memory(pid: int) -> int | None:
    """Return the bytes of memory that a process shares with nobody; ``None`` without a process.

    Data in Ray's object store is shared.

    Examples
    --------
    >>> own_memory(os.getpid()) > 1_000_000
    True
    """
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return None
    return int(memory.rss - getattr(memory, "shared", 0))
