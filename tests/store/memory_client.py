"""An ``MlflowClient`` whose runs are in memory: a whole replayed run takes milliseconds.

The suite of the store runs on it as on a database and on a server.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mlflow.entities import (
    Experiment,
    FileInfo,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.store.entities import PagedList

_CONDITION = re.compile(r"(tags|attributes)\.`?([\w.]+)`? (=|>=) '?([^']*)'?")


@dataclass
class _Run:
    run_id: str
    experiment_id: str
    started: int
    number: int
    status: str = "RUNNING"
    ended: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[Metric]] = field(default_factory=dict)


class MemoryClient:
    """The calls of ``MlflowClient`` that raysmith makes; files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._runs: dict[str, _Run] = {}
        self._experiments: dict[str, Experiment] = {}
        self._models: dict[str, list[Any]] = {}

    def create_experiment(self, name, artifact_location=None, tags=None):
        with self._lock:
            if self.get_experiment_by_name(name) is not None:
                raise MlflowException("there is one", RESOURCE_ALREADY_EXISTS)
            key = str(len(self._experiments) + 1)
            self._experiments[key] = Experiment(key, name, artifact_location, "active")
            return key

    def get_experiment(self, experiment_id):
        return self._experiments[experiment_id]

    def get_experiment_by_name(self, name):
        return next((e for e in self._experiments.values() if e.name == name), None)

    def delete_experiment(self, experiment_id):
        known = self._experiments[experiment_id]
        self._experiments[experiment_id] = Experiment(
            experiment_id, known.name, known.artifact_location, "deleted"
        )

    def search_experiments(self, page_token=None, max_results=50):
        return _page(list(self._experiments.values()), page_token, max_results)

    def create_run(self, experiment_id, start_time=None, tags=None):
        with self._lock:
            run_id = uuid.uuid4().hex
            now = int(time.time() * 1000)
            run = _Run(run_id, experiment_id, start_time or now, len(self._runs), tags=dict(tags))
            self._runs[run_id] = run
            return self._entity(run)

    def get_run(self, run_id):
        with self._lock:
            return self._entity(self._of(run_id))

    def update_run(self, run_id, status=None):
        self._of(run_id).status = status

    def set_terminated(self, run_id, status, end_time=None):
        run = self._of(run_id)
        run.status, run.ended = status, end_time or int(time.time() * 1000)

    def set_tag(self, run_id, key, value):
        with self._lock:
            self._of(run_id).tags[key] = value

    def delete_tag(self, run_id, key):
        with self._lock:
            if self._of(run_id).tags.pop(key, None) is None:
                raise MlflowException("no such tag", RESOURCE_DOES_NOT_EXIST)

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        with self._lock:
            run = self._of(run_id)
            for param in params:
                if run.params.setdefault(param.key, param.value) != param.value:
                    raise MlflowException("a parameter never changes", INVALID_PARAMETER_VALUE)
            for metric in metrics:
                values = run.metrics.setdefault(metric.key, [])
                values[:] = [m for m in values if m != metric] + [metric]
            run.tags.update({tag.key: tag.value for tag in tags})

    def log_param(self, run_id, key, value):
        self.log_batch(run_id, params=[Param(key, value)])

    def search_runs(self, experiments, condition="", view=None, max_results=200, order=None,
                    token=None):  # fmt: skip
        with self._lock:
            found = [
                self._entity(run)
                for run in sorted(self._runs.values(), key=lambda r: (-r.started, -r.number))
                if run.experiment_id in experiments and _meets(run, condition)
            ]
        return _page(found, token, max_results)

    def get_metric_history(self, run_id, key):
        return list(self._of(run_id).metrics.get(key, ()))

    def log_text(self, run_id, text, file):
        path = self._files(run_id) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def log_artifacts(self, run_id, folder, artifact_path=None):
        shutil.copytree(folder, self._files(run_id) / (artifact_path or ""), dirs_exist_ok=True)

    def list_artifacts(self, run_id, path=None):
        files = self._files(run_id)
        return [
            FileInfo(str(entry.relative_to(files)), entry.is_dir(), 1)
            for entry in sorted((files / (path or "")).glob("*"))
        ]

    def download_artifacts(self, run_id, path, folder):
        source, copy = self._files(run_id) / path, Path(folder) / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
        return str(copy)

    def create_registered_model(self, name):
        if name in self._models:
            raise MlflowException("there is one", RESOURCE_ALREADY_EXISTS)
        self._models[name] = []

    def create_model_version(self, name, source, run_id, tags, description):
        version = SimpleNamespace(
            version=str(len(self._models[name]) + 1), source=source, run_id=run_id, tags=tags,
            description=description, aliases=[],
        )  # fmt: skip
        self._models[name].append(version)
        return version

    def get_model_version(self, name, version):
        return next(v for v in self._models[name] if v.version == version)

    def set_registered_model_alias(self, name, alias, version):
        for other in self._models[name]:
            other.aliases = [a for a in other.aliases if a != alias]
        self.get_model_version(name, version).aliases.append(alias)

    def search_registered_models(self, page_token=None, max_results=50):
        return _page([SimpleNamespace(name=n) for n in self._models], page_token, max_results)

    def search_model_versions(self, condition, page_token=None, max_results=50):
        name = condition.removeprefix("name = '").removesuffix("'").replace("''", "'")
        return _page(self._models.get(name, []), page_token, max_results)

    def _of(self, run_id):
        if run_id not in self._runs:
            raise MlflowException(f"no run {run_id}", RESOURCE_DOES_NOT_EXIST)
        return self._runs[run_id]

    def _files(self, run_id):
        return self._folder / self._of(run_id).run_id / "artifacts"

    def _entity(self, run):
        last = [max(m, key=lambda x: (x.step, x.timestamp)) for m in run.metrics.values()]
        info = RunInfo(
            run.run_id, run.experiment_id, "me", run.status, run.started, run.ended, "active",
            str(self._files(run.run_id)), run.run_id,
        )  # fmt: skip
        params = [Param(key, value) for key, value in run.params.items()]
        tags = [RunTag(key, value) for key, value in run.tags.items()]
        return Run(info, RunData(metrics=last, params=params, tags=tags))


def _meets(run, conditions):
    for condition in conditions.split(" and "):
        kind, key, sign, value = _CONDITION.fullmatch(condition).groups()
        if kind == "tags":
            met = run.tags.get(key) == value
        elif sign == "=":
            met = getattr(run, key) == value
        else:
            met = key == "end_time" and run.ended is not None and run.ended >= int(value)
        if not met:
            return False
    return True


def _page(found, token, max_results):
    begin = int(token or 0)
    end = begin + max_results
    return PagedList(found[begin:end], str(end) if end < len(found) else None)
