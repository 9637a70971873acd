"""The last files of a run: its best model, its description and its report."""

from __future__ import annotations

import json
import logging

from engine.driver.data_host import RunData
from engine.driver.data_step import DataStep
from engine.errors import RunException
from engine.store.choice import chosen_iteration
from engine.store.mlflow_model import save_mlflow_model
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord, RunRecord

logger = logging.getLogger("raysmith.driver")

#: At most this many different reasons explain that a run has no model.
_REASONS = 5

TOO_SHORT = "experiment_timeout_minutes was over before the first one started"


def keep_best(store: RunStore, record: RunRecord) -> IterationRecord | None:
    """Write the best iteration's model in MLflow's own format, for its UI and its tools.

    An error becomes a note, as the run has the model anyway.

    Parameters
    ----------
    record:
        The run as it is now.

    Returns
    -------
    IterationRecord or None
        The best iteration; ``None`` when a cancelled run has no model.

    Raises
    ------
    RunException
        When no iteration gave a model although nobody has cancelled the run.
    """
    iterations = store.iterations(record.run_id)
    best = chosen_iteration(iterations, record.metric)
    if best is None:
        if not record.requests.cancel:
            reasons = sorted({f"{r.status}: {r.reason}".splitlines()[0] for r in iterations})
            shown = "; ".join((reasons or [TOO_SHORT])[:_REASONS])
            raise RunException(f"no iteration gave a model; {shown}")
        return None
    store.tag_best(record.run_id, best.iteration, best.run_id)
    try:
        save_mlflow_model(store, best.run_id)
    except Exception as error:
        logger.exception("no MLflow model of the best iteration")
        note = f"the best model is not kept in MLflow's own format: {type(error).__name__}: {error}"
        add_note(store, record.run_id, note)
    return best


def add_note(store: RunStore, run_id: str, note: str) -> None:
    """Add a warning for the user, of which the first line is kept, to those of a run."""
    store.tag_notes(run_id, (*store.run(run_id).notes, note.splitlines()[0]))


def describe(
    store: RunStore, run_id: str, best: IterationRecord, data: RunData, step: DataStep
) -> None:
    """Write the parts of the report about the data and the best model's predictions.

    An error in one of them is logged and goes no further: the run has its models anyway.
    """
    from engine.evaluation.diagnostics import quality_of
    from engine.show.view import DATA_FILE, QUALITY_FILE

    try:
        store.write_text(run_id, DATA_FILE, json.dumps(step.describe()))
    except Exception:
        logger.exception("no summary of the data")
    try:
        predictions = store.predictions(best.run_id).astype(float)
        quality = quality_of(data.targets, predictions)
        store.write_text(run_id, QUALITY_FILE, json.dumps(quality))
    except Exception:
        logger.exception("no summary of the model")


def write_report(store: RunStore, run_id: str, status: str) -> None:
    """Write the report beside the run's other files, where the MLflow UI shows it.

    An error is logged and goes no further.

    Parameters
    ----------
    status:
        The state that the run will have.
    """
    from engine.show.report import REPORT_FILE, render_report
    from engine.show.view import RunView, full_state

    try:
        experiment, url = store.experiment_of(run_id), store.page_of(run_id)
        view = RunView(store, run_id, experiment, url, ends_as=status)
        page = render_report(full_state(view))
        store.write_text(run_id, REPORT_FILE, page)
    except Exception:
        logger.exception("no report")
