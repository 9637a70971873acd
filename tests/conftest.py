"""Fixtures of all tests. Those that need Ray share one embedded cluster in each test process."""

from __future__ import annotations

import concurrent.futures.thread
import logging
import os
import shutil
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from xdist.scheduler import LoadScopeScheduling

# The process that hands the tests out has no use for engine and MLflow: fixtures import them.
if TYPE_CHECKING:
    from engine import Experiment, Workspace
    from engine.store.mlflow_store import RunStore


class _ByFileScheduling(LoadScopeScheduling):
    """Of several processes, each takes a file at a time, or a folder of files that share a run."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        return str(file.parent if file.parent.parent.name == "live" else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _ByFileScheduling(config, log)


#: Fixtures that start a server or a browser: who uses them is slow.
_SLOW_FIXTURES = {"browser", "tracking_server"}


def pytest_itemcollected(item: pytest.Item) -> None:
    if _SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ())):
        item.add_marker("slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest is begun first when there are several processes, what is quick last."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda i: ("cluster_live" not in i.path.parts, "ray" not in i.keywords))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test may log half a character: its report still passes from one process to another."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def _globals(with_ray: bool) -> dict[str, object]:
    """What a test may change and must put back: the next one in this process relies on it."""
    prefixes = ("RAYSMITH_", "MLFLOW_") if with_ray else ("RAYSMITH_", "MLFLOW_", "RAY_")
    found: dict[str, object] = {k: v for k, v in os.environ.items() if k.startswith(prefixes)}
    found.pop("RAY_CLIENT_MODE", None)  # the import of Ray sets it
    tracking, ray = (sys.modules.get(name) for name in ("mlflow.tracking", "ray"))
    found["MLflow's tracking URI is set"] = bool(tracking and tracking.is_tracking_uri_set())
    if not with_ray:
        found["Ray is connected"] = bool(ray and ray.is_initialized())
    found["working directory"] = os.getcwd()
    return found


def _threads() -> set[threading.Thread]:
    """Threads that would keep the process from ending; those of thread pools end with it."""
    pools = concurrent.futures.thread._threads_queues
    return {t for t in threading.enumerate() if not t.daemon and t not in pools}


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that other tests of the process would notice; Ray may leave what is its own."""
    with_ray = request.node.get_closest_marker("ray") is not None
    before, threads = _globals(with_ray), _threads()
    yield
    after = _globals(with_ray)
    changed = {
        k: after.get(k) for k in before.keys() | after.keys() if before.get(k) != after.get(k)
    }
    assert changed == {}
    left = set() if with_ray else _threads() - threads
    for thread in left:
        thread.join(5.0)
    assert [thread.name for thread in left if thread.is_alive()] == []


@pytest.fixture(scope="session", autouse=True)
def _environment_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the first store of a process sets, no other store, no spool in the user's home.

    Workers of each cluster that a test starts, or that the product starts anew, find the tests'
    own classes.
    """
    from engine.store.tracking import configure_mlflow

    configure_mlflow()
    places = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYSMITH_SPOOL", str(tmp_path_factory.mktemp("spool")))
        patch.setenv("PYTHONPATH", os.pathsep.join(places))
        for name in ("RAYSMITH_STORE", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def workspace_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty workspace: making an MLflow database takes seconds, copying one does not."""
    from engine import Workspace

    folder = tmp_path_factory.mktemp("template")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert Workspace.from_config().experiments == {}
    finally:
        os.chdir(before)
    return folder / ".raysmith"


@pytest.fixture(scope="module")
def module_workspace(
    tmp_path_factory: pytest.TempPathFactory, workspace_template: Path
) -> Iterator[Workspace]:
    """A workspace of the test file's own, which is also its working directory."""
    from engine import Workspace

    folder = tmp_path_factory.mktemp("module")
    shutil.copytree(workspace_template, folder / ".raysmith")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Workspace.from_config()


@pytest.fixture
def workspace(
    tmp_path: Path, workspace_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """A workspace of the test's own, which is also its working directory."""
    from engine import Workspace

    shutil.copytree(workspace_template, tmp_path / ".raysmith")
    monkeypatch.chdir(tmp_path)
    return Workspace.from_config()


@pytest.fixture
def experiment(workspace: Workspace, tmp_path: Path) -> Iterator[Experiment]:
    """An experiment whose runs end with the test, whatever happened in it."""
    from engine import Experiment

    experiment = Experiment(workspace, tmp_path.name)
    yield experiment
    for run in experiment.get_runs():
        if run.get_status() in ("Preparing", "Running", "Finalizing"):
            run.cancel()
            run.wait_for_completion(timeout_seconds=60)


@pytest.fixture(scope="session")
def common_database(tmp_path_factory: pytest.TempPathFactory, workspace_template: Path) -> str:
    """One database for the runs of many tests: each database compiles its statements anew."""
    return copied_database(tmp_path_factory.mktemp("database"), workspace_template)


@pytest.fixture
def common_workspace(
    tmp_path: Path, common_database: str, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """A workspace of the test's own, on the common database; also its working directory."""
    from engine import Workspace

    monkeypatch.chdir(tmp_path)
    return Workspace.create(tmp_path.name, tracking_uri=common_database)


@pytest.fixture
def store_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """The store of the test's workspaces, for runs whose subject is not the database."""
    from engine.store.mlflow_store import RunStore
    from tests.store.memory_client import MemoryClient

    folder = tmp_path / "store"
    store = RunStore(folder.as_uri(), client=MemoryClient(folder))
    monkeypatch.setattr("engine.client.workspace.open_store", lambda *_: store)
    return store


@contextmanager
def mlflow_uri(uri: str | None) -> Iterator[None]:
    """Where MLflow's own functions look, as when a script has set it; afterwards nothing is set."""
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        # It leaves the address in the environment.
        patch.setenv("MLFLOW_TRACKING_URI", "")
        mlflow.set_tracking_uri(uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(None)


def copied_database(folder: Path, template: Path) -> str:
    """URI of a copy of the empty workspace's database."""
    shutil.copy(template / "mlflow.db", folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def tracking_server(
    tmp_path_factory: pytest.TempPathFactory, workspace_template: Path
) -> Iterator[str]:
    """Address of a tracking server in a thread of this process."""
    import mlflow
    from mlflow.server import app
    from mlflow.server.handlers import initialize_backend_stores
    from werkzeug.serving import make_server

    folder = tmp_path_factory.mktemp("server")
    uri = copied_database(folder, workspace_template)
    initialize_backend_stores(uri, uri, str(folder / "artifacts"))
    # The server has set the whole process to its own store.
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    os.environ.pop("MLFLOW_REGISTRY_URI")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    serving = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def ray_cluster() -> None:
    """The embedded cluster that all tests of the process use."""
    from cluster.targets.connection import connect

    connect()


@pytest.fixture
def table() -> tuple[np.ndarray, np.ndarray]:
    """A small problem that every classifier can learn: X (120, 4), y (120,) of two classes."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(120, 4))
    return X, (X[:, 0] + 0.2 * generator.normal(size=120) > 0).astype(int)
