"""The summary of a run's training data, in the store."""

from __future__ import annotations

from engine.data.training_summary import TrainingSummary
from engine.store.mlflow_store import RunStore

#: The file among the files of a run.
TRAINING_SUMMARY_FILE = "summary/training.json"


def keep_training_summary(store: RunStore, run_id: str, summary: TrainingSummary) -> None:
    """Write how the columns of a run's training data are distributed."""
    store.write_text(run_id, TRAINING_SUMMARY_FILE, summary.to_json())


def load_training_summary(store: RunStore, run_id: str) -> TrainingSummary | None:
    """Read what `keep_training_summary` wrote.

    Parameters
    ----------
    run_id:
        The run, or one of its iterations.

    Returns
    -------
    TrainingSummary or None
        ``None`` for runs that have none, and for those of a later version.
    """
    try:
        text = store.read_bytes(store.run_of(run_id), TRAINING_SUMMARY_FILE).decode()
        return TrainingSummary.from_json(text)
    except (FileNotFoundError, ValueError):
        return None
