"""The control of a run through its store: cancel, pause, resume, continue."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from engine.client.interfaces import ExperimentLike
from engine.client.launch import end_in_place_of_driver, start_again
from engine.client.liveness import as_seen, certain_death_of, death_of, iterations_of, status_of
from engine.client.stored import Stored
from engine.config.preparation import prepare
from engine.config.settings import Settings
from engine.config.specification import RunSpecification
from engine.driver.resuming import check_same_data
from engine.driver.specification_files import load_specification
from engine.errors import RunException
from engine.store.records import IterationRecord, RunRecord
from engine.store.spooled_results import write_spooled
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

        Finished iterations are kept. A run that has ended stays as it is. A run whose driver has
        died is ``Canceled`` at once.
        """
        self.store.request_cancel(self.id)
        record = self.store.run(self.id)
        if not record.is_final and self._death(record) is not None:
            end_in_place_of_driver(self.experiment.workspace, record)

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

        Returns at once, unless the driver is on another machine and does not answer: it is watched
        for up to 30 s. Iterations that have ended are not repeated. Results that a driver has kept
        on this machine's disk, because the store did not take them, are written to it first. Of
        several clients that resume a run at the same time one succeeds.

        Parameters
        ----------
        compute_target:
            Where the new driver runs: a compute target or its name; default: where it ran.

        Raises
        ------
        RunException
            When the run has completed; `continue_experiment` adds iterations to it. When another
            client has resumed it at the same time. When its data was not kept, as ``keep_data`` is
            False.
        ConfigException
            When the run was given an environment variable, or a table's URI with a password, that
            this process does not have: their values are not stored.
        """
        if write_spooled(self.store, self.id) is RunStatus.COMPLETED:
            return self  # its state was all that was missing
        record = self.store.run(self.id)
        if record.status == RunStatus.COMPLETED:
            raise RunException(
                f"run {self.id} has completed; continue_experiment(iterations=...) adds iterations"
            )
        if record.requests.pause:
            self.store.request_pause(self.id, False)
        record, death = certain_death_of(self.experiment.workspace, self.id)
        if record.is_final or death is not None:
            changes: dict[str, Any] = {}
            if compute_target is not None:
                changes = {"compute_target": getattr(compute_target, "name", compute_target)}
            self._start_again(record, changes)
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
            While the run goes on, when another client has taken it up at the same time, and when
            its data was not kept.
        ConfigException
            For values that are not allowed, and as in `resume`.
        """
        write_spooled(self.store, self.id)
        record, death = certain_death_of(self.experiment.workspace, self.id)
        if not record.is_final and death is None:
            raise RunException(f"run {self.id} is {record.status}; wait for its end or cancel it")
        changes: dict[str, Any] = {
            "experiment_timeout_minutes": experiment_timeout_minutes,
            "experiment_exit_score": experiment_exit_score,
        }
        if iterations is not None:
            changes["iterations"] = iterations
        self._start_again(record, changes)
        return self

    def check_data(self, data: Mapping[str, Any]) -> None:
        """Check that data is what the run's iterations have seen; no data is taken as such.

        Parameters
        ----------
        data:
            Data under the names of `AutoMLConfig`'s parameters: ``X`` and ``y``, or
            ``training_data``, and what goes with them.

        Raises
        ------
        DataException
            When it is other data, or cannot be used.
        """
        if not data:
            return
        settings = Settings.from_dict(self.store.load_spec(self.id)["settings"])
        given = prepare(settings.with_changes({"data_script": None}), data)
        seen = self.store.run(self.id).data
        fingerprint = given.data.read().fingerprint
        check_same_data(seen, fingerprint, self.store.iterations(self.id))

    def _start_again(self, record: RunRecord, changes: Mapping[str, Any]) -> None:
        """Start a new driver with some settings changed; ``iterations`` are those to add."""
        given = self._specification()
        given.settings.check(changes)
        if changes:
            changed = dict(changes)
            if "iterations" in changed:
                tried = sum(not record.is_ensemble for record in self.store.iterations(self.id))
                changed["iterations"] += tried
            settings = given.settings.with_changes(changed)
            given = dataclasses.replace(given, settings=settings)
        start_again(self.experiment.workspace, record, given, is_changed=bool(changes))

    def _specification(self) -> RunSpecification:
        try:
            return load_specification(self.store, self.id)
        except FileNotFoundError as missing:
            raise RunException(
                f"run {self.id} cannot go on: its client or driver died before it was stored "
                f"({missing}); submit the configuration again"
            ) from missing

    def _iterations(self) -> list[IterationRecord]:
        """Read the iterations; those that a dead driver has left open have failed."""
        return iterations_of(self.store.run(self.id), self.experiment.workspace)

    def as_seen(self, iteration: IterationRecord) -> IterationRecord:
        """Return an iteration's record; one that a dead driver has left open is ``Failed``."""
        if iteration.status.is_final:
            return iteration
        return as_seen(iteration, self.store.run(self.id), self.experiment.workspace)

    def _status(self, record: RunRecord) -> str:
        return status_of(record, self.experiment.workspace).value

    def _death(self, record: RunRecord) -> str | None:
        return death_of(record, self.experiment.workspace)
