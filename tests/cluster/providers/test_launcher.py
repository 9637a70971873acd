"""The tunnel to a launched cluster's head, with a stand-in for ``ray dashboard``."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import yaml

from cluster import AmlCompute, ComputeTargetException
from cluster.providers.common import write_token
from cluster.providers.on_prem import OnPremCluster

#: In place of Ray's command: forwards nothing, but answers as a head once the file ``go`` is there.
STAND_IN = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

here = Path(__file__).parents[2]
with (here / "starts").open("a") as file:
    file.write("start\\n")
if (here / "refuse").exists():
    sys.exit("no route to host")
while not (here / "go").exists():
    time.sleep(0.02)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ray_version": "2"}')

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    folder = tmp_path / "path"
    (folder / "ray" / "scripts").mkdir(parents=True)
    for package in ("ray", "ray/scripts"):
        (folder / package / "__init__.py").touch()
    (folder / "ray" / "scripts" / "scripts.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
def cluster(tmp_path, stand_in):
    folder = tmp_path / "target"
    folder.mkdir()
    cluster = OnPremCluster(folder, {})
    write_token(cluster.token_file)
    yield cluster
    cluster.close_tunnel()


def noted(cluster):
    return json.loads((cluster.folder / "tunnel.json").read_text())


def until(condition):
    waiting = threading.Event()
    for _ in range(1500):
        if condition():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not happen in 30 s")


def is_running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_two_clients_open_one_tunnel(cluster, stand_in):
    with ThreadPoolExecutor(3) as clients:
        asked = [clients.submit(OnPremCluster(cluster.folder, {}).address) for _ in range(3)]
        until((stand_in / "starts").is_file)
        (stand_in / "go").touch()
        addresses = {each.result() for each in asked}
    assert addresses == {f"http://127.0.0.1:{noted(cluster)['port']}"}
    assert (stand_in / "starts").read_text() == "start\n"
    assert stat.S_IMODE((cluster.folder / "tunnel.json").stat().st_mode) == 0o600
    pid = noted(cluster)["pid"]
    cluster.close_tunnel()
    until(lambda: not is_running(pid))


def test_one_that_is_interrupted_before_it_answers_ends(cluster, stand_in):
    code = "from pathlib import Path; from cluster.providers.on_prem import OnPremCluster; "
    code += f"OnPremCluster(Path({str(cluster.folder)!r}), {{}}).address()"
    root = Path(__file__).parents[3]
    client = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"],
        stderr=subprocess.DEVNULL,
    )
    until((cluster.folder / "tunnel.json").is_file)
    pid = noted(cluster)["pid"]
    assert is_running(pid)
    client.send_signal(2)
    assert client.wait(30) != 0
    until(lambda: not is_running(pid))
    assert not (cluster.folder / "tunnel.json").exists()


def test_one_whose_client_was_killed_is_used(cluster, stand_in):
    tunnel = cluster._start_tunnel()
    assert noted(cluster)["is_open"] is False
    (stand_in / "go").touch()
    again = OnPremCluster(cluster.folder, {})
    assert again.address() == f"http://127.0.0.1:{tunnel['port']}"
    assert noted(cluster)["pid"] == tunnel["pid"]
    assert noted(cluster)["is_open"] is True


def test_one_that_cannot_be_opened_is_forgotten(cluster, stand_in):
    (stand_in / "refuse").touch()
    with pytest.raises(ComputeTargetException, match=r"cannot be reached.*no route to host"):
        cluster.address()
    assert not (cluster.folder / "tunnel.json").exists()
    (stand_in / "refuse").unlink()
    (stand_in / "go").touch()
    assert cluster.address().startswith("http://127.0.0.1:")
    assert os.path.exists(cluster.folder / "tunnel.json")


def test_a_client_that_is_killed_while_it_writes_leaves_a_file_that_names_the_machines(
    cluster, monkeypatch
):
    def configuration(max_nodes):
        return AmlCompute.provisioning_configuration(
            "STANDARD_D2_V2",
            provider="on_prem",
            hosts=["10.0.0.1", "10.0.0.2", "10.0.0.3"],
            max_nodes=max_nodes,
        )

    launched = []
    monkeypatch.setattr(type(cluster), "_launcher", lambda self, step, code: launched.append(step))
    cluster.resize("mine", configuration(1))
    before = cluster.cluster_file.read_text()
    assert stat.S_IMODE(cluster.cluster_file.stat().st_mode) == 0o600

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # All of the new text is written by then, in a file of its own.
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            cluster.resize("mine", configuration(2))
    assert cluster.cluster_file.read_text() == before
    cluster.resize("mine", configuration(2))
    after = yaml.safe_load(cluster.cluster_file.read_text())
    assert after["cluster_name"] == yaml.safe_load(before)["cluster_name"]
    assert cluster.cluster_file.read_text() != before
    assert launched == ["up", "up"]
