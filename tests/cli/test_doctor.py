"""Checks of this machine."""

from __future__ import annotations

import json
import os
import socket
from types import SimpleNamespace

import psutil
import pytest

from engine.cli import doctor
from engine.cli.parser import main


def checks(capsys):
    return {entry["check"]: entry for entry in json.loads(capsys.readouterr().out)}


def test_a_machine_that_is_well(workspace, capsys):
    assert main(["doctor", "--json"]) == 0
    found = checks(capsys)
    assert {"python", "ray", "cores", "memory", "working directory", "port 5000"} <= set(found)
    assert found["cores"] == {"check": "cores", "ok": True, "found": str(os.cpu_count())}
    assert main(["doctor"]) == 0
    assert "ok  python " in capsys.readouterr().out


def test_a_machine_without_memory(workspace, capsys, monkeypatch):
    memory = SimpleNamespace(available=2**30, total=4 * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert main(["doctor", "--json"]) == 1
    found = checks(capsys)
    assert found.pop("memory") == {
        "check": "memory",
        "ok": False,
        "found": "1.0 of 4.0 GiB free",
    }
    assert all(entry["ok"] for entry in found.values())
    assert main(["doctor"]) == 1
    assert "BAD  memory " in capsys.readouterr().out


def test_a_folder_that_cannot_be_written(workspace, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    assert main(["doctor", "--json"]) == 1
    assert checks(capsys)["working directory"]["found"].endswith("GiB free, not writable")


@pytest.mark.parametrize("taken", [True, False])
def test_a_port_in_use_is_no_error(workspace, capsys, monkeypatch, taken):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if taken:
            listening.listen()
        port = listening.getsockname()[1]
        monkeypatch.setattr(doctor, "_PORTS", {port: "MLflow UI"})
        assert main(["doctor", "--json"]) == 0
    expected = "in use (MLflow UI)" if taken else "free (MLflow UI)"
    assert checks(capsys)[f"port {port}"] == {
        "check": f"port {port}",
        "ok": True,
        "found": expected,
    }
