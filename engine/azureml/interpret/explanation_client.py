"""`ExplanationClient`: explanations that are kept with a run."""

from __future__ import annotations

from typing import Any

from engine.azureml.interpret.explanation import GlobalExplanation
from engine.errors import ConfigException, RunException
from engine.explain.files import (
    ENGINEERED_FOLDER,
    FOLDER,
    load_explanation,
    save_explanation,
)


class ExplanationClient:
    """Reads and keeps the explanations of an iteration. Make one with `from_run`.

    Parameters
    ----------
    workspace : Workspace
        The workspace.
    experiment_name : str
        Name of the experiment.
    run_id : str
        Id of a run, which stands for its best iteration, or of an iteration.
    """

    def __init__(
        self, workspace: Any, experiment_name: str, run_id: str, _run: Any = None, *more: object
    ) -> None:
        run = _run
        if run is None:
            run = workspace.experiments[experiment_name].run_of(run_id)
        self._iteration = iteration_of(run)

    @classmethod
    def from_run(cls, run: Any) -> ExplanationClient:
        """Make a client for a run or an iteration of it."""
        return cls(None, "", "", run)

    @classmethod
    def from_run_id(cls, workspace: Any, experiment_name: str, run_id: str) -> ExplanationClient:
        """Make a client for a run or an iteration by its id."""
        return cls(workspace, experiment_name, run_id)

    def download_model_explanation(
        self,
        explanation_id: object = None,
        top_k: int | None = None,
        comment: object = None,
        raw: bool | None = None,
        engineered: bool | None = None,
    ) -> GlobalExplanation:
        """Read an explanation; it is computed and kept when there is none.

        Parameters
        ----------
        explanation_id, comment:
            Without a meaning here: an iteration has one explanation of each kind.
        top_k:
            How many of the most important features are shown; default: all.
        raw, engineered:
            Which kind; default: the raw columns.

        Raises
        ------
        RunException
            When the iteration has no model.
        """
        if raw and engineered:
            raise ConfigException(["raw and engineered: ask for one of them"])
        is_raw = not engineered if raw is None else bool(raw)
        run = self._iteration
        folder = FOLDER if is_raw else ENGINEERED_FOLDER
        try:
            found = load_explanation(run.store, run.run_id, folder)
        except RunException:
            if not run.store.iteration(run.run_id).is_completed:
                raise
            found = self._explain("raw" if is_raw else "engineered", folder)
        return GlobalExplanation(found, is_raw, top_k=top_k)

    def upload_model_explanation(
        self, explanation: GlobalExplanation, *more: object, **ignored: object
    ) -> None:
        """Keep an explanation with the iteration, in place of an earlier one of the same kind."""
        folder = FOLDER if explanation.is_raw else ENGINEERED_FOLDER
        run = self._iteration
        save_explanation(run.store, run.run_id, explanation.explanation, folder)

    def list_model_explanations(self, *more: object, **ignored: object) -> list[dict[str, Any]]:
        """Return a dict for each explanation that is kept: ``id`` and ``raw``."""
        names = self._iteration.store.files(self._iteration.run_id)
        kept = {name.partition("/")[0] for name in names}
        return [
            {"id": folder, "raw": folder == FOLDER}
            for folder in (FOLDER, ENGINEERED_FOLDER)
            if folder in kept
        ]

    def _explain(self, features: str, folder: str) -> Any:
        # It imports Ray, which reading an explanation does not need.
        from engine.driver.explain_step import ExplainRequest, explain_run

        run = self._iteration
        record = run.store.iteration(run.run_id)
        request = ExplainRequest(features=features, folder=folder)
        return explain_run(run.store, run.parent.run_id, record, request)


def iteration_of(run: Any) -> Any:
    """Return the iteration that a run stands for: itself, or the best of a run."""
    return run.get_best_child() if hasattr(run, "get_best_child") else run
