"""The control of a run through its store: cancel, pause, resume, continue."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from engine.client.interfaces import ExperimentLike
from engine.client.launch import start_again
from engine.client.liveness import death_of, status_of
from engine.client.stored import Stored
from engine.config.specification import RunSpecification
from engine.driver.specification_files import load_specification
from engine.errors import RunException
from engine.store.records import RunRecord
from engine.store.status import RunStatus


class ControlledRun(Stored):
    """A run that can be canceled, paused, resumed and continued.

    Attributes
    ----------
    experiment:
        The experiment that the run belongs to.
    """

    def __init__(self, experiment: ExperimentLike, run_id: str) -> None:
        super().__init__(experiment.workspace.store, run_id)
        self.experiment = experiment

    def cancel(self) -> None:
        """Ask the driver to stop the run, which takes up to 2 s.

        Finished iterations are kept. A run that has ended stays as it is.
        """
        self.store.request_cancel(self.id)

    def cancel_iteration(self, iteration: int) -> None:
        """Ask the driver to stop one iteration, which takes up to 2 s, even in native code.

        An iteration that has not started yet is passed over.

        Raises
        ------
        RunException
            When the iteration has ended already.
        """
        for record in self.store.iterations(self.id):
            if record.iteration == iteration and record.status.is_final:
                raise RunException(f"iteration {iteration} has ended already: {record.status}")
        self.store.request_cancel_iteration(self.id, int(iteration))

    def pause(self) -> None:
        """Start no new iterations until `resume`; running iterations go on to their end."""
        self.store.request_pause(self.id, True)

    def resume(self, compute_target: Any = None) -> Self:
        """Go on after `pause`, or with a new driver after the death of the old one.

        Returns at once. Iterations that have ended are not repeated.

        Parameters
        ----------
        compute_target:
            Where the new driver runs: a compute target or its name; default: where it ran.

        Raises
        ------
        RunException
            When the run has completed; `continue_experiment` adds iterations to it.
        ConfigException
            When the run was given an environment variable that this process does not have: values
            are not stored.
        """
        record = self.store.run(self.id)
        if record.status == RunStatus.COMPLETED:
            raise RunException(
                f"run {self.id} has completed; continue_experiment(iterations=...) adds iterations"
            )
        if not record.is_final and self._death(record) is None:
            self.store.request_pause(self.id, False)
        else:
            given = load_specification(self.store, self.id)
            if compute_target is not None:
                name = getattr(compute_target, "name", compute_target)
                given.settings.check({"compute_target": name})
                given = self._change(given, {"compute_target": name})
                self.store.move_run(self.id, name)
            start_again(self.experiment.workspace, self.id, given)
        return self

    def continue_experiment(
        self,
        iterations: int | None = None,
        experiment_timeout_minutes: float | None = None,
        experiment_exit_score: float | None = None,
    ) -> Self:
        """Add iterations to a run that has ended, and return at once.

        Parameters
        ----------
        iterations:
            Number of iterations to add; default: those that the run did not start.
        experiment_timeout_minutes:
            New time limit, counted from now; default: no limit.
        experiment_exit_score:
            New score at which the run ends; default: no such score.

        Raises
        ------
        RunException
            While the run goes on.
        ConfigException
            For values that are not allowed.
        """
        record = self.store.run(self.id)
        if not record.is_final and self._death(record) is None:
            raise RunException(f"run {self.id} is {record.status}; wait for its end or cancel it")
        given = load_specification(self.store, self.id)
        changes: dict[str, Any] = {
            "experiment_timeout_minutes": experiment_timeout_minutes,
            "experiment_exit_score": experiment_exit_score,
        }
        if iterations is not None:
            changes["iterations"] = iterations
        given.settings.check(changes)
        if iterations is not None:
            tried = sum(not record.is_ensemble for record in self.store.iterations(self.id))
            changes["iterations"] = iterations + tried
        start_again(self.experiment.workspace, self.id, self._change(given, changes))
        return self

    def _status(self, record: RunRecord) -> str:
        return status_of(record, self.experiment.workspace).value

    def _death(self, record: RunRecord) -> str | None:
        return death_of(record, self.experiment.workspace)

    def _change(self, given: RunSpecification, changes: Mapping[str, Any]) -> RunSpecification:
        """Change settings, and keep the new specification with the run."""
        changed = dataclasses.replace(given, settings=given.settings.with_changes(changes))
        self.store.save_spec(self.id, changed.to_spec())
        return changed
