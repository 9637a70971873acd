"""Results of a run on this machine's disk while its store does not take them."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus

#: Environment variable with the folder where results wait for their store.
SPOOL_VARIABLE = "RAYSMITH_SPOOL"

_STATE_FILE, _LOCK_FILE = "state.json", "lock"
_RECORD, _MODEL, _PREDICTIONS = "iteration.json", "model", "predictions"


@dataclass(frozen=True)
class IterationStart:
    """What the store is told when an iteration starts, see `Iterations.start_iteration`."""

    iteration: int
    pipeline: str
    params: Mapping[str, object]
    properties: IterationProperties
    started: float


@dataclass(frozen=True)
class SpooledIteration:
    """An iteration that has ended.

    Attributes
    ----------
    start, end:
        What the store is told.
    ended:
        When it ended, in seconds since the epoch.
    scores:
        Points of the run's curves.
    """

    start: IterationStart
    end: IterationEnd
    ended: float
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SpooledState:
    """The final state of a run.

    Attributes
    ----------
    driver:
        Token of the driver that reached the state: it does not count after another driver's.
    error, error_type:
        Why the run has failed, and the name of the error's class; ``None`` if it has not.
    """

    status: RunStatus
    driver: str
    error: str | None = None
    error_type: str | None = None


class Spool:
    """The folder of one run's results; it exists only while it holds some.

    Only the user may read it. A file is either whole or not there.

    Parameters
    ----------
    run_id:
        The run.
    folder:
        Where the folders of all runs are; default: the first of `folders` that can be written, or
        where this run's results are already.
    """

    def __init__(self, run_id: str, folder: Path | None = None) -> None:
        places = folders() if folder is None else [folder]
        self._run_id = run_id
        self._places = [place / run_id for place in places]

    @property
    def path(self) -> Path:
        """The run's folder."""
        return next((place for place in self._places if _is_mine(place)), self._places[0])

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for the store."""
        return not _is_mine(self.path)

    def keep_iteration(self, iteration: SpooledIteration) -> None:
        """Keep an iteration that has ended.

        Raises
        ------
        OSError
            When no folder can be written.
        """
        record = _iteration_to_dict(iteration)
        blobs = {_MODEL: iteration.end.model, _PREDICTIONS: iteration.end.predictions}

        def write(file: Path) -> None:
            # The content is compressed already, where that is worth anything.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(_RECORD, json.dumps(record))
                for name, content in blobs.items():
                    if content is not None:
                        archive.writestr(name, content)

        self._write(f"{iteration.start.iteration:06d}.zip", write)

    def keep_state(self, state: SpooledState) -> None:
        """Keep the run's final state.

        Raises
        ------
        OSError
            When no folder can be written.
        """
        text = json.dumps(dataclasses.asdict(state))
        self._write(_STATE_FILE, lambda file: file.write_text(text, encoding="utf-8"))

    def iterations(self) -> Iterator[SpooledIteration]:
        """Yield the iterations that wait, by number."""
        for file in sorted(self.path.glob("*.zip")):
            with zipfile.ZipFile(file) as archive:
                record = json.loads(archive.read(_RECORD))
                names = set(archive.namelist())
                blobs = {
                    name: archive.read(name) if name in names else None
                    for name in (_MODEL, _PREDICTIONS)
                }
            yield _iteration_from_dict(record, blobs[_MODEL], blobs[_PREDICTIONS])

    def state(self) -> SpooledState | None:
        """Return the final state that waits, if one does."""
        try:
            values = json.loads((self.path / _STATE_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return SpooledState(**{**values, "status": RunStatus(values["status"])})

    def forget_iteration(self, number: int) -> None:
        """Remove an iteration that the store has."""
        (self.path / f"{number:06d}.zip").unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder with everything in it, at once for whoever looks."""
        folder = self.path
        removed = folder.with_name(f".{folder.name}")
        shutil.rmtree(removed, ignore_errors=True)  # of a process that died here
        try:
            folder.rename(removed)
        except OSError:
            removed = folder
        shutil.rmtree(removed, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[Self]:
        """Keep other processes from writing the same results to the store meanwhile.

        Raises
        ------
        FileNotFoundError
            When another process has just done so.
        """
        path = self.path / _LOCK_FILE
        # It is there as long as results are. Who made it anew would keep the folder alive.
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                raise FileNotFoundError(path)
            yield self

    def _write(self, name: str, write: Callable[[Path], object]) -> None:
        failed: OSError | None = None
        for folder in dict.fromkeys([self.path, *self._places]):
            file = folder / f".{name}"
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _is_mine(folder):
                    raise PermissionError(f"{folder} belongs to another user")
            except OSError as error:
                failed = failed or error
                continue
            try:
                (folder / _LOCK_FILE).touch(mode=0o600)
                write(file)
                file.rename(folder / name)
                return
            except OSError as error:
                failed = failed or error
                _remove_failed(file)
        raise failed or OSError("no folder for the spool")


def folders() -> list[Path]:
    """Return the folders where results of runs may wait, in the order in which they are tried."""
    chosen = os.environ.get(SPOOL_VARIABLE)
    if chosen:
        return [Path(chosen).expanduser()]
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return [
        Path(state).expanduser() / "raysmith" / "spool",
        Path(tempfile.gettempdir()) / f"raysmith-spool-{os.getuid()}",
    ]


def _is_mine(folder: Path) -> bool:
    """Whether a folder exists, is no link and belongs to this user."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and not folder.is_symlink() and found.st_uid == os.getuid()


def _remove_failed(file: Path) -> None:
    """Remove a part of a file, and its folder if that has nothing else."""
    try:
        file.unlink(missing_ok=True)
        if [entry.name for entry in file.parent.iterdir()] == [_LOCK_FILE]:
            (file.parent / _LOCK_FILE).unlink()
        file.parent.rmdir()
    except OSError:
        return


def _iteration_to_dict(iteration: SpooledIteration) -> dict[str, Any]:
    start, end = iteration.start, iteration.end
    return {
        "start": {
            "iteration": start.iteration,
            "pipeline": start.pipeline,
            "params": {key: str(value) for key, value in start.params.items()},
            "properties": start.properties.to_tags(),
            "started": start.started,
        },
        "end": {
            "status": end.status.value,
            "reason": end.reason,
            "metrics": dict(end.metrics),
            "fold_metrics": [dict(fold) for fold in end.fold_metrics],
            "properties": end.properties.to_tags(),
            "log": end.log,
        },
        "ended": iteration.ended,
        "scores": dict(iteration.scores),
    }


def _iteration_from_dict(
    record: Mapping[str, Any], model: bytes | None, predictions: bytes | None
) -> SpooledIteration:
    start, end = dict(record["start"]), dict(record["end"])
    start["properties"] = IterationProperties.from_tags(start["properties"])
    end["properties"] = IterationProperties.from_tags(end["properties"])
    end["status"] = IterationStatus(end["status"])
    end["fold_metrics"] = tuple(end["fold_metrics"])
    return SpooledIteration(
        IterationStart(**start),
        IterationEnd(**end, model=model, predictions=predictions),
        record["ended"],
        record["scores"],
    )
