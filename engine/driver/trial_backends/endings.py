"""Why the actors of trials are gone, as Tune, Ray and the node say: asked without waiting."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import ray

from engine.driver.node_data import LastWords
from engine.driver.trial import Announcement

#: Ray's own health checks take this long to notice that a node is gone.
NOTICE_SECONDS = 20.0
#: A busy machine takes its time; nobody waits for the answer.
_LAST_WORDS_SECONDS = 10.0
#: In Ray's words, when it ends a process because its node has no memory left.
_OUT_OF_MEMORY = re.compile(r"low on memory|OUT_OF_MEMORY|OutOfMemory")
#: Words of a death that may be the first sign that a node is lost: a connection breaks, or a
#: process is asked to end, before Ray has noticed that the node is gone.
_DOUBTFUL = re.compile(r"unavailable|SIGTERM")
_NODE_GONE = re.compile(r"node (has )?died|node was (terminated|preempted)|node is dead", re.I)


@dataclass(eq=False)
class Ending:
    """A trial whose actor is gone, until it is clear why.

    Attributes
    ----------
    number:
        The iteration.
    trial:
        Where it ran; ``None`` when it had not begun.
    was_killed:
        Whether the driver has killed it.
    why:
        What Ray says.
    words:
        A reference to the node's `LastWords`; ``None`` when there is nobody to ask.
    since:
        When the actor's death was reported, in seconds of `time.monotonic`.
    """

    number: int
    trial: Announcement | None
    was_killed: bool
    why: str
    words: Any
    since: float

    @classmethod
    def of(
        cls, number: int, trial: Announcement | None, was_killed: bool, error_file: str | None
    ) -> Ending:
        """Take note of an end; ask the node for its last words.

        Parameters
        ----------
        error_file:
            Tune's error file of the trial.
        """
        words = None if trial is None else trial.node.last_words.remote(f"{number}.log")
        why = _why_it_died(error_file)
        return cls(number, trial, was_killed, why, words, time.monotonic())

    def is_clear(self) -> bool:
        """Whether everything is known that will be: the log, and the fate of the node."""
        waited = time.monotonic() - self.since
        has_words = self.words is None or bool(ray.wait([self.words], timeout=0)[0])
        if not has_words and waited < _LAST_WORDS_SECONDS and not self._node_is_gone():
            return False
        is_doubtful = _DOUBTFUL.search(self.why) is not None and not self.was_killed
        return not is_doubtful or self._node_is_gone() or waited >= NOTICE_SECONDS

    def last_words(self) -> LastWords:
        """Return the trial's log and why its node ended it, as far as the node has answered."""
        try:
            if self.words is not None:
                words: LastWords = ray.get(self.words, timeout=0)
                return words
        except ray.exceptions.RayError:
            pass
        return LastWords("", None)

    def lost_node(self) -> str | None:
        """Return how the trial lost its node, or ``None`` when it ended for another reason."""
        if self.trial is not None and self._node_is_gone():
            return f"node {self.trial.node_ip} ({self.trial.node_id[:12]}) was lost"
        return f"its node was lost: {self.why}" if _NODE_GONE.search(self.why) else None

    @property
    def is_out_of_memory(self) -> bool:
        """Whether Ray has ended the process because its node had no memory left."""
        return _OUT_OF_MEMORY.search(self.why) is not None

    def reason(self) -> str:
        """Return in one line why the process died."""
        if self.is_out_of_memory:
            return f"out of memory: Ray ended it because its node had no memory left; {self.why}"
        return self.why

    def _node_is_gone(self) -> bool:
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        return self.trial is not None and self.trial.node_id not in alive


def _why_it_died(error_file: str | None) -> str:
    """Return the line of Tune's error file that says most about a death."""
    try:
        with open(error_file or "", encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file.read().splitlines()]
    except OSError:
        return "Ray gave no reason"
    memory = [line for line in lines if _OUT_OF_MEMORY.search(line)]
    reasons = [line for line in lines if "actor is dead" in line or "Error" in line]
    return (memory or reasons or lines or ["Ray gave no reason"])[-1]
