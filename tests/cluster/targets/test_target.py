"""Compute targets without a cluster: names, what is remembered, heads that do not answer."""

from __future__ import annotations

import os
import socket
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import ray
from ray._private.authentication import authentication_utils as auth_utils

from cluster import AmlCompute, ComputeTarget, ComputeTargetException
from cluster.jobs.head import Head
from cluster.targets.compute_target import open_target
from cluster.targets.registry import names


@pytest.fixture
def place(tmp_path):
    return SimpleNamespace(folder=tmp_path)


@pytest.fixture
def tokens():
    """What the dashboard was sent as ``Authorization``."""
    return []


@pytest.fixture
def dashboard(tokens):
    """Answers as a Ray dashboard with the token ``right`` does; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            tokens.append(self.headers.get("Authorization"))
            if self.headers.get("Authorization") != "Bearer right":
                self.send_response(401 if "Authorization" not in self.headers else 403)
                self.end_headers()
                return
            body = {"/api/version": b'{"ray_version": "2.60.0"}', "/api/jobs/": b"[]"}.get(
                self.path.partition("?")[0], b'{"data": {"result": {"result": []}}}'
            )
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("", "non-empty"),
        (None, "non-empty"),
        ("a" * 64, "64 characters: allowed are at most 63"),
        ("local", "this machine itself"),
        ("Ä", "'Ä' is not allowed"),
        *((f"a{c}b", "is not allowed") for c in "\\~!@#$%^&*()=+_[]{}|;:'\",<>/?. "),
    ],
)
def test_names_that_are_not_allowed(place, name, match):
    config = AmlCompute.provisioning_configuration("STANDARD_D2_V2")
    for make in (
        lambda: ComputeTarget.create(place, name, config),
        lambda: ComputeTarget.attach(place, name, "http://127.0.0.1:1"),
    ):
        with pytest.raises(ComputeTargetException, match=match):
            make()
    assert names(place) == []


def test_what_is_no_configuration(place):
    with pytest.raises(ComputeTargetException, match="provisioning_configuration"):
        ComputeTarget.create(place, "x", {"vm_size": "STANDARD_D2_V2"})


def test_one_that_does_not_exist(place):
    with pytest.raises(ComputeTargetException, match=r"no compute target 'x'.*there is none"):
        ComputeTarget(place, "x")


@pytest.mark.slow  # starts Ray's launcher five times
def test_a_cloud_that_lets_nobody_in(place, monkeypatch, tmp_path):
    pytest.importorskip("boto3")
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = AmlCompute.provisioning_configuration("STANDARD_D2_V2", provider="aws")
    with pytest.raises(ComputeTargetException, match="Unable to locate credentials") as told:
        ComputeTarget.create(place, "x", config)
    assert "Traceback" not in str(told.value)
    # Without the login nobody can know that there are no machines: only the user says so.
    assert names(place) == ["x"]
    target = open_target(place, "x")
    with pytest.raises(ComputeTargetException, match="Unable to locate credentials"):
        target.delete()
    with pytest.warns(UserWarning, match="machines may be left running"):
        target.delete(force=True)
    assert names(place) == []


def test_kubernetes_is_started_by_kubectl(place):
    config = AmlCompute.provisioning_configuration("STANDARD_D2_V2", provider="kubernetes")
    with pytest.raises(ComputeTargetException, match="raysmith cluster render"):
        ComputeTarget.create(place, "x", config)
    assert names(place) == []


def test_a_cluster_is_attached_and_found_again(place, dashboard):
    target = ComputeTarget.attach(place, "x", dashboard, token="right")
    assert target.get_status().provisioning_state == "Succeeded"
    again = open_target(place, "x")
    assert again.address == dashboard
    assert again.list_nodes() == []
    assert again.serialize()["status"]["current_node_count"] == 0
    assert (place.folder / "compute" / "x" / "token").stat().st_mode & 0o077 == 0
    with pytest.raises(ComputeTargetException, match="already"):
        ComputeTarget.attach(place, "x", dashboard, token="right")
    with pytest.raises(ComputeTargetException, match="was attached"):
        _ = again.provisioning
    again.delete()
    assert names(place) == []
    with pytest.raises(ComputeTargetException, match="has been deleted"):
        _ = again.address


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_wrong_token(place, dashboard, token, monkeypatch):
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(place.folder / "nothing"))
    with pytest.raises(ComputeTargetException, match="does not accept the token"):
        ComputeTarget.attach(place, "x", dashboard, token=token)
    assert names(place) == []


def test_nobody_answers(place):
    with pytest.raises(ComputeTargetException, match="does not answer"):
        ComputeTarget.attach(place, "x", "http://127.0.0.1:9")
    with pytest.raises(ComputeTargetException, match="allowed is 'auto'"):
        ComputeTarget.attach(place, "x", "ray://127.0.0.1:10001")


def test_too_few_nodes_in_time(place, dashboard):
    target = ComputeTarget.attach(place, "x", dashboard, token="right")
    with pytest.raises(ComputeTargetException, match="0 of 2 nodes after 0 minutes"):
        target.wait_for_completion(min_node_count=2, timeout_in_minutes=0)


def test_a_head_that_went_away(place, dashboard, capsys):
    target = ComputeTarget.attach(place, "x", dashboard, token="right")
    (place.folder / "compute" / "x" / "token").write_text("wrong")
    status = target.get_status()
    assert status.provisioning_state == "Failed"
    assert "token" in status.errors[0]
    with pytest.raises(ComputeTargetException, match="token"):
        target.wait_for_completion(show_output=True)


@pytest.fixture
def own_token(monkeypatch):
    """A token of this machine's own cluster."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "right")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")


@pytest.fixture
def elsewhere(dashboard, monkeypatch):
    """The same dashboard under a name that is not the loopback's."""
    port = dashboard.rpartition(":")[2]
    real = socket.getaddrinfo

    def resolve(host, *more, **options):
        return real("127.0.0.1" if host == "head.example" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return f"http://head.example:{port}"


def test_this_machines_own_token_stays_on_it(place, dashboard, elsewhere, own_token, tokens):
    with pytest.raises(ComputeTargetException, match="attach it with the token of that cluster"):
        ComputeTarget.attach(place, "x", elsewhere)
    assert tokens == [None]
    assert ComputeTarget.attach(place, "y", dashboard).get_status().errors == ()
    assert tokens[-1] == "Bearer right"


def test_the_submitting_client_sends_no_token_of_this_machine(
    elsewhere, own_token, tokens, monkeypatch
):
    """Ray's own client would take it from the environment."""
    monkeypatch.setattr(auth_utils, "is_token_auth_enabled", lambda: True)
    with (
        pytest.raises(ray.exceptions.AuthenticationError),
        Head(elsewhere, None, "x")._client(),
    ):
        pass
    assert tokens == [""]


def test_auto_is_the_users_own_cluster(place, elsewhere, own_token, tokens, monkeypatch):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", elsewhere)
    with pytest.warns(UserWarning, match=r"goes to http://head.example:\d+ unencrypted"):
        ComputeTarget.attach(place, "x", "auto")
    assert tokens[-1] == "Bearer right"


def test_a_token_in_clear_text_is_warned_of(place, dashboard, elsewhere, own_token):
    with pytest.warns(UserWarning, match="unencrypted; use https"):
        ComputeTarget.attach(place, "x", elsewhere, token="right")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ComputeTarget.attach(place, "y", dashboard, token="right")
