"""`RandomSearch`: random pipelines, the baseline that other searchers are compared with."""

from __future__ import annotations

import numpy as np

from engine.data.dataset import DataSummary
from engine.pipelines.spec import PipelineSpec
from engine.search.proposals import as_spec, random_point, search_space
from engine.search.searcher import Searcher
from engine.search.usable import Restrictions, usable_estimators, usable_scalers

#: Draws after which a pipeline is repeated: the space is then (nearly) exhausted.
_MOST_DRAWS = 100


class RandomSearch(Searcher):
    """Draws an estimator with equal chances, and random parameters; ignores scores and time.

    Parameters
    ----------
    data:
        Summary of the training data; decides which estimators can work.
    restrictions:
        The user's wishes; default: none.
    random_state:
        Seed.

    Raises
    ------
    ConfigException
        When no estimator is left to try.

    Examples
    --------
    >>> data = DataSummary("classification", 500, 10, False, False, (250, 250), "split", "")
    >>> search = RandomSearch(data, Restrictions(allowed=["KNN"]))
    >>> first, second = search.ask(0), search.ask(1)
    >>> first.estimator, first == second
    ('KNN', False)
    """

    def __init__(
        self,
        data: DataSummary,
        restrictions: Restrictions | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__()
        self._sparse = data.sparse
        self._usable = usable_estimators(data, restrictions or Restrictions())
        self._seed = random_state

    def propose(self, number: int, seconds_left: float) -> PipelineSpec:
        """Draw an estimator, all equally likely, and a random point of its search space."""
        generator = np.random.default_rng([self._seed, number])
        names = list(self._usable)
        alike = np.full(len(names), 1.0 / len(names))
        for _ in range(_MOST_DRAWS):
            entry = self._usable[str(generator.choice(names, p=alike))]
            space = search_space(entry, usable_scalers(entry, self._sparse))
            spec = as_spec(entry, random_point(space, int(generator.integers(2**31))))
            if self.is_new(spec):
                break
        return spec
