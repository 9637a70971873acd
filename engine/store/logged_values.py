"""Values and tags that users' scripts add to runs and iterations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from mlflow.entities import Metric

from engine.store.tags import LOGGED, is_reserved, shorten
from engine.store.tracking import Tracking


class LoggedValues(Tracking):
    """Write and read what scripts log, apart from the metrics that choose the best model."""

    def log_values(self, run_id: str, values: Mapping[str, Sequence[float]]) -> None:
        """Add values to the curves of a run or an iteration.

        Parameters
        ----------
        values:
            Name -> values, in their order; they follow the earlier ones of that name.
        """
        now = int(time.time() * 1000)
        metrics = []
        for name, added in values.items():
            key = f"{LOGGED}{name}"
            known = self.client.get_metric_history(run_id, key)
            first = 1 + max((metric.step for metric in known), default=-1)
            metrics += [Metric(key, float(v), now, first + n) for n, v in enumerate(added)]
        self.client.log_batch(run_id, metrics=metrics)

    def logged_values(self, run_id: str) -> dict[str, float | list[float]]:
        """Return name -> value, or the values in their order where there are several."""
        found: dict[str, float | list[float]] = {}
        for key in self._mlflow_run(run_id).data.metrics:
            if key.startswith(LOGGED):
                history = self.client.get_metric_history(run_id, key)
                values = [float(m.value) for m in sorted(history, key=lambda m: m.step)]
                found[key.removeprefix(LOGGED)] = values[0] if len(values) == 1 else values
        return found

    def user_tags(self, run_id: str) -> dict[str, str]:
        """Return the user's tags of a run or an iteration."""
        tags = self._mlflow_run(run_id).data.tags
        return {key: value for key, value in tags.items() if not is_reserved(key)}

    def tag_all(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set several tags of the user's."""
        self._tag_all(run_id, {key: shorten(value) for key, value in tags.items()})

    def remove_tag(self, run_id: str, key: str) -> None:
        """Remove a tag of the user's, which may be gone already."""
        self._remove_tag(run_id, key)
