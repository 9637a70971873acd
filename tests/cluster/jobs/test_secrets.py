"""Environment variables of a job, past Ray's logs; Ray's key-value store is a dict here."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest
from ray.experimental import internal_kv

from cluster.jobs import secrets
from cluster.jobs.secrets import KEY_VARIABLE, JobSecrets, set_in_worker, split_variables
from cluster.targets.launch import Launch

PLANTED = "planted-4711"


class Store(dict):
    """Ray's client, as far as it is used."""

    def internal_kv_get(self, key, namespace):
        return self.get((namespace, key))

    def internal_kv_put(self, key, value, overwrite, namespace):
        self[namespace, key] = value

    def internal_kv_del(self, key, by_prefix, namespace):
        self.pop((namespace, key), None)


@pytest.fixture
def store(monkeypatch):
    store = Store()
    monkeypatch.setattr(internal_kv, "internal_kv_get_gcs_client", lambda: store)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before = dict(os.environ)
    yield store
    os.environ.clear()
    os.environ.update(before)


def upload(store, sent):
    store[None, f"gcs://{sent.key}".encode()] = sent.content()


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A module that notes what it and a worker of its job find."""
    (tmp_path / "guarded_program.py").write_text(
        "import os, sys\n"
        "from cluster.jobs.secrets import set_in_worker\n"
        "found = [sys.argv[1:], os.environ.get('URI'), os.environ.get('PASSWORD')]\n"
        "del os.environ['PASSWORD'], os.environ['URI']\n"
        "set_in_worker()\n"
        "found += [os.environ.get('URI'), os.environ.get('PASSWORD')]\n"
        "import tests.cluster.jobs.test_secrets as here\n"
        "here.found = found\n"
        "sys.exit(3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "guarded_program"


found: list = []


def test_driver_and_workers_get_theirs_and_nothing_stays(store, program, monkeypatch):
    sent = JobSecrets({"URI": "http://x"}, {"PASSWORD": PLANTED})
    upload(store, sent)
    monkeypatch.setenv(KEY_VARIABLE, sent.key)
    with pytest.raises(SystemExit) as ended:
        secrets.run(store, sent.key, program, ["a", "b"])
    assert ended.value.code == 3
    # A worker does not get what is the driver's alone.
    assert found == [["a", "b"], "http://x", PLANTED, None, PLANTED]
    assert store == {}
    with pytest.raises(RuntimeError, match="the job has ended"):
        set_in_worker()
    with pytest.raises(SystemExit, match="taken already"):
        secrets.run(store, sent.key, program, [])


def test_a_key_is_used_once_and_tells_nothing():
    one, two = (JobSecrets({}, {"PASSWORD": PLANTED}) for _ in range(2))
    assert one.key != two.key
    assert PLANTED not in repr(one)
    # Ray quotes the first 15 bytes of an upload that fails.
    assert one.content()[:16].strip() == b""


def test_a_launch_does_not_show_them():
    launch = Launch("r", print, "m", secrets={"U": PLANTED}, variables={"P": PLANTED})
    assert PLANTED not in repr(launch)


@pytest.mark.parametrize(
    ("name", "is_open"),
    [
        ("PYTHONPATH", True), ("LD_LIBRARY_PATH", True), ("OMP_NUM_THREADS", True), ("TZ", True),
        ("DB_PASSWORD", False), ("RAY_AUTH_TOKEN", False), ("PATHOLOGY", False), ("X", False),
        ("CUDA_API_KEY", False), ("python_path", False),
    ],
)  # fmt: skip
def test_which_variables_ray_is_given_openly(name, is_open):
    at_start, hidden = split_variables({name: "x"})
    assert (name in at_start) == is_open
    assert (name in hidden) != is_open


def test_a_job_is_submitted_without_them(tmp_path, monkeypatch):
    from cluster.targets.registry import write_target
    from cluster.targets.target import RayTarget

    folder = tmp_path / "compute" / "x"
    folder.mkdir(parents=True)
    write_target(folder, {"name": "x", "address": "http://127.0.0.1:9", "type": "attached"})
    calls = []
    head = SimpleNamespace(
        upload=lambda *a: calls.append(("upload", *a)), submit=lambda *a: calls.append(a)
    )
    monkeypatch.setattr(RayTarget, "head", head)
    RayTarget(SimpleNamespace(folder=tmp_path), "x").launch(
        Launch(
            "r1",
            print,
            "engine.driver",
            ("r1",),
            secrets={"URI": PLANTED},
            variables={"PASSWORD": PLANTED, "TZ": "UTC"},
            project=str(tmp_path),
        )
    )
    (_, key, content), (entrypoint, _, runtime_env, _) = calls
    assert PLANTED in content.decode()
    assert PLANTED not in f"{entrypoint} {runtime_env}"
    assert f"cluster.jobs.secrets {key} cluster.jobs.supervisor engine.driver r1" in entrypoint
    assert runtime_env["env_vars"] == {"TZ": "UTC", KEY_VARIABLE: key}
    assert {".env", ".ssh", "*.key"} <= set(runtime_env["excludes"])
