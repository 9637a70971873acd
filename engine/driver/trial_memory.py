"""The memory of trials, between what nodes have seen, the search and the user."""

from __future__ import annotations

import logging
from collections import Counter

from engine.pipelines.spec import PipelineSpec
from engine.search.searcher import MemoryUse, Searcher
from engine.store.properties import IterationProperties

logger = logging.getLogger("raysmith.driver")


def memory_use(properties: IterationProperties) -> MemoryUse | None:
    """Return what an iteration's trial needed; ``None`` when nobody knows.

    Examples
    --------
    >>> properties = IterationProperties(start_memory_mb=210.0, peak_memory_mb=1500.0)
    >>> memory_use(properties)
    MemoryUse(start_mb=210.0, peak_mb=1500.0)
    """
    start, peak = properties.start_memory_mb, properties.peak_memory_mb
    return None if start is None or peak is None else MemoryUse(start, peak)


class LeftOut:
    """Tells of the pipelines that a search has left out because they would not fit in memory.

    Parameters
    ----------
    search:
        The run's search.

    Examples
    --------
    >>> from engine.search.random_search import RandomSearch
    >>> from engine.data.dataset import DataSummary
    >>> search = RandomSearch(DataSummary("regression", 500, 10, False, False, None, "split", ""))
    >>> search.left_out += [PipelineSpec("KNN"), PipelineSpec("SGD"), PipelineSpec("KNN", "PCA")]
    >>> LeftOut(search).note()  # doctest: +ELLIPSIS
    '3 pipelines were not tried for want of memory, as ... would need: KNN (2), SGD (1)'
    """

    def __init__(self, search: Searcher) -> None:
        self._search = search
        self._looked_at = 0
        self._told: set[str] = set()

    def tell_new(self) -> None:
        """Write to the log which estimators have pipelines left out, each once."""
        new = self._search.left_out[self._looked_at :]
        self._looked_at += len(new)
        for spec in new:
            if spec.estimator not in self._told:
                self._told.add(spec.estimator)
                logger.warning("%s is left out where %s", spec.estimator, self._why(spec))

    def _why(self, spec: PipelineSpec) -> str:
        if spec.estimator in {other.estimator for other in self._search.too_large}:
            return "it is of the size that ran out of memory"
        expected = self._search.expected_mb(spec) or 0.0
        return (
            f"it would need more memory than a trial may have: about {expected:.0f} MB for "
            f"{spec.to_json()}"
        )

    def note(self) -> str | None:
        """Return how many pipelines were left out, in one sentence; ``None`` without any."""
        counts = Counter(spec.estimator for spec in self._search.left_out)
        if not counts:
            return None
        names = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
        pipelines = "pipeline was" if counts.total() == 1 else "pipelines were"
        return (
            f"{counts.total()} {pipelines} not tried for want of memory, as a trial may not have "
            f"what they would need: {names}"
        )
