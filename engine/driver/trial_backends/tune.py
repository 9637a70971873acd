"""Trials on a Ray cluster, scheduled by Ray Tune."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import ray
from ray import tune
from ray.tune import PlacementGroupFactory

from engine.driver.memory_requests import MemoryRequests
from engine.driver.ray_cluster import may_grow
from engine.driver.resources import node_addresses, nodes_for, outside_of
from engine.driver.trial import Announcement, IterationTrial
from engine.driver.trial_backends.backend import Placement, Proposal, TrialBackend, TrialHost
from engine.driver.trial_backends.endings import Ending
from engine.driver.trial_backends.tune_adapters import (
    HostSearcher,
    NoReports,
    OfThisProcess,
    StopAtOnce,
    quiet_tune,
)
from engine.driver.trial_backends.tune_errors import accept_all_deaths
from engine.driver.trial_settings import TrialSettings
from engine.temporary import new_folder, remove_folder

_LOG_SECONDS = 0.5
#: Between two looks at trials whose end is not clear when Tune's loop is over.
_LAST_SECONDS = 0.1
#: In Ray's words on the death of an actor.
_KILLED_BY_US = "killed by `ray.kill`"
#: Names of resources in a trial's room, by their names in `TuneBackend`.
_BUNDLE_NAMES = {"cpu": "CPU", "gpu": "GPU"}


class TuneBackend(TrialBackend):
    """Executes trials as Ray Tune's, on actors that go on from one trial to the next.

    A trial is killed by killing its actor: Tune's own stop would wait for native code.

    Parameters
    ----------
    run_id:
        The run.
    settings:
        What the trials share.
    resources:
        Resources of a trial, in the form that ``tune.with_resources`` takes.
    """

    def __init__(
        self, run_id: str, settings: TrialSettings, resources: Mapping[str, float]
    ) -> None:
        self._run_id = run_id
        self.settings = settings
        self.resources = dict(resources)
        self._lock = threading.Lock()
        self._running: dict[int, Announcement] = {}
        self._killed: set[int] = set()
        self._loading: set[int] = set()
        self._asked: dict[int, Any] = {}
        cores = self.resources.get("cpu", 1)
        self._requests = MemoryRequests(cores, partial(nodes_for, cores))
        #: Trial that has not begun -> bytes of memory that it waits for.
        self._waiting: dict[int, int] = {}
        #: Trial -> MiB that it is expected to need.
        self._expected: dict[int, float | None] = {}

    def run(self, host: TrialHost, concurrency: int) -> None:
        """See `TrialBackend.run`."""
        accept_all_deaths()
        folder = new_folder("tune")
        reports = Reports(self, host)
        prefix = f"trial-{self._run_id[:8]}"
        trainable = tune.with_resources(
            tune.with_parameters(IterationTrial, settings=self.settings),
            partial(room_of, self.resources),
        )
        try:
            with quiet_tune():
                tune.Tuner(
                    trainable,
                    tune_config=tune.TuneConfig(
                        search_alg=HostSearcher(host, reports.report_endings, self.memory_for),
                        num_samples=-1,
                        max_concurrent_trials=concurrency,
                        reuse_actors=True,
                        trial_name_creator=lambda t: f"{prefix}-{t.config['iteration']}",
                        trial_dirname_creator=lambda t: str(t.config["iteration"]),
                    ),
                    run_config=tune.RunConfig(
                        name=self._run_id,
                        storage_path=str(folder),
                        verbose=0,
                        progress_reporter=NoReports(),
                        callbacks=[reports],
                        stop=StopAtOnce(host),
                        failure_config=tune.FailureConfig(max_failures=0),
                        # An iteration leaves its model in the store; there is nothing to restore.
                        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    ),
                ).fit()
            reports.report_last_endings()
        finally:
            remove_folder(folder.name)

    def has_nodes_besides(self, barred: Collection[str]) -> bool:
        """See `TrialBackend.has_nodes_besides`."""
        others = set(node_addresses(self.resources.get("cpu", 1))) - set(barred)
        return bool(others) or may_grow()

    def kill(self, number: int) -> None:
        """See `TrialBackend.kill`."""
        # An actor goes on to another trial once `forget` has been called for this one.
        with self._lock:
            announcement = self._running.get(number)
            if announcement is None:
                return
            self._killed.add(number)
            if ray.is_initialized():  # else it has ended with the cluster
                ray.kill(announcement.actor, no_restart=True)

    def logs(self, numbers: Collection[int]) -> dict[int, str]:
        """See `TrialBackend.logs`."""
        with self._lock:
            running = {n: self._running[n] for n in numbers if n in self._running}
        if not running:
            return {}
        # A node that has not answered yet is not asked again: the questions would pile up there.
        asked = {
            n: self._asked.get(n) or a.node.tail.remote(f"{n}.log") for n, a in running.items()
        }
        ready, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=_LOG_SECONDS)
        self._asked = {n: future for n, future in asked.items() if future not in ready}
        logs = {}
        for number, future in asked.items():
            if future in ready:
                try:
                    logs[number] = str(ray.get(future))
                except ray.exceptions.RayError:
                    continue  # its node is gone
        return logs

    def memory_for(self, proposal: Proposal) -> int:
        """Return the bytes of memory that a trial asks for beside its ``resources``; 0 for none."""
        self._expected[proposal.number] = proposal.expected_mb
        if "memory" in self.resources:
            return 0  # a limit that the user has set
        memory = self._requests.bytes_for(proposal.expected_mb)
        with self._lock:
            self._waiting[proposal.number] = memory
        return memory

    def expected_mb(self, number: int) -> float | None:
        """Return the MiB that a trial was expected to need; ``None`` when nobody knows."""
        return self._expected.get(number)

    @property
    def waited_for(self) -> int:
        """The most memory, in bytes, that a trial which has not begun asks for; 0 for none."""
        with self._lock:
            return max(self._waiting.values(), default=0)

    def announce(self, number: int, announcement: Announcement) -> Placement:
        """Take note of the actor that executes a trial; return where it is."""
        with self._lock:
            self._waiting.pop(number, None)
            self._running[number] = announcement
            if not announcement.has_data:
                self._loading.add(number)
        return Placement(announcement.node_id, announcement.node_ip, announcement.pid)

    def loaded(self, number: int) -> bool:
        """Take note that a trial's node has the data now; return whether that was news."""
        with self._lock:
            was_loading = number in self._loading
            self._loading.discard(number)
            return was_loading

    def forget(self, number: int) -> tuple[Announcement | None, bool]:
        """Forget a trial that has ended; return where it ran and whether it was killed."""
        with self._lock:
            was_killed = number in self._killed
            self._killed.discard(number)
            self._waiting.pop(number, None)
            return self._running.pop(number, None), was_killed


def room_of(resources: Mapping[str, float], config: Mapping[str, Any]) -> PlacementGroupFactory:
    """Return what a trial takes of its node, its memory included, and which nodes it avoids.

    Parameters
    ----------
    resources:
        As for `TuneBackend`.
    config:
        The trial's, from `HostSearcher.suggest`.
    """
    bundle = {_BUNDLE_NAMES.get(name, name): float(n) for name, n in resources.items()}
    if config.get("memory"):
        bundle["memory"] = float(config["memory"])
    avoid = config.get("avoid")
    if not avoid:
        return PlacementGroupFactory([bundle])
    return PlacementGroupFactory([bundle], bundle_label_selector=[outside_of(avoid)])


class Reports(OfThisProcess, tune.Callback):
    """Tune's `Callback` interface: reports to a host what happens to trials."""

    def __init__(self, backend: TuneBackend, host: TrialHost) -> None:
        self._backend = backend
        self._host = host
        self._endings: list[Ending] = []

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Report a trial's announcement or its outcome."""
        # Tune keeps a trial's last result for good: models must not stay in it.
        for key in ("announcement", "end"):
            trial.last_result.pop(key, None)
        number = int(trial.config["iteration"])
        announcement = result.pop("announcement", None)
        end = result.pop("end", None)
        unfit = result.pop("unfit", None)
        if announcement is not None:
            self._host.begun(number, self._backend.announce(number, announcement))
        else:
            self._backend.loaded(number)
        if unfit is not None:
            announcement, _ = self._backend.forget(number)
            if announcement is not None:
                self._host.unfit(number, announcement.node_id, unfit, None)
        if end is not None:
            self._backend.forget(number)
            self._host.ended(number, end)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Report why a trial's actor is gone, now or in `on_step_end`."""
        number = int(trial.config["iteration"])
        was_loading = self._backend.loaded(number)
        announcement, was_killed = self._backend.forget(number)
        if was_killed and was_loading and announcement is not None:
            # Another trial there would wait for the same call.
            ray.kill(announcement.node, no_restart=True)
            self._host.unfit(number, announcement.node_id, "get_data() did not return", None)
            return
        self._endings.append(Ending.of(number, announcement, was_killed, trial.error_file))
        self.report_endings()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Report the ends that have become clear since the last step of Tune's loop."""
        self.report_endings()

    def report_endings(self) -> None:
        """Report the trials of which it has become clear why their actors are gone."""
        clear = [ending for ending in self._endings if ending.is_clear()]
        self._endings = [ending for ending in self._endings if ending not in clear]
        for ending in clear:
            self._report(ending)

    def report_last_endings(self) -> None:
        """Report the trials that have ended with Tune's loop, once it is clear why."""
        pause = threading.Event()
        while self._endings and not self._host.stops_at_once:
            self.report_endings()
            pause.wait(_LAST_SECONDS if self._endings else 0.0)

    def _report(self, ending: Ending) -> None:
        words = ending.last_words()
        log = words.log or None
        lost = ending.lost_node()
        if lost is None and words.reason is None and _KILLED_BY_US in ending.why:
            # The kill was meant for the actor's last trial, whose outcome was under way already.
            lost = "its worker was ended with the iteration before it"
        if lost is None and ending.is_out_of_memory and words.memory is not None:
            expected_mb = self._backend.expected_mb(ending.number)
            if words.memory.was_bystander(expected_mb):
                lost = "its node had no memory left, which another trial took"
        if ending.was_killed:
            self._host.killed(ending.number, log)
        elif lost is not None:
            self._host.lost(ending.number, lost, log)
        else:
            self._host.died(ending.number, words.reason or ending.reason(), log)
