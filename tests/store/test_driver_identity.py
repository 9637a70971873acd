"""Drivers that live and drivers that do not: by process, thread, boot and namespace."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading

import psutil
import pytest

from engine import processes
from engine.store import driver_identity
from engine.store.driver_identity import DriverIdentity, Life

#: Prints the identity of a driver, and whether one that is given lives; then waits for its end.
OTHER = """
import dataclasses, sys, threading
from engine.store.driver_identity import DriverIdentity
if len(sys.argv) > 1:
    print(DriverIdentity.from_json(sys.argv[1]).life().value, flush=True)
else:
    me = DriverIdentity.of_this_process()
    print(dataclasses.replace(me, thread=threading.get_native_id()).to_json(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def other():
    """A process with a driver, and the driver."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process, DriverIdentity.from_json(process.stdout.readline())
    process.kill()
    process.wait()


def test_a_process_that_lives_until_it_is_killed():
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    driver = DriverIdentity.from_json(process.stdout.readline())
    assert driver.pid == process.pid
    assert driver.life() is Life.ALIVE
    process.kill()
    # Its parent has not taken note yet: a zombie has a place in the table of processes.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert driver.life() is Life.DEAD
    process.wait()
    assert driver.life() is Life.DEAD


def test_a_process_that_lives_without_its_driver(other):
    """As a notebook does whose driver's thread has died."""
    _, driver = other
    assert driver.life() is Life.ALIVE
    gone = threading.Thread(target=lambda: None)
    gone.start()
    gone.join()
    assert dataclasses.replace(driver, thread=gone.native_id).life() is Life.DEAD


def test_the_driver_of_this_process_lives_until_it_ends():
    driver = DriverIdentity.of_this_process()
    other = DriverIdentity.of_this_process()
    assert driver.beat().life() is Life.ALIVE
    driver.end()
    assert driver.beat().life() is Life.DEAD
    assert other.life() is Life.ALIVE


def test_a_number_that_another_process_has_by_now(other):
    _, driver = other
    earlier = dataclasses.replace(driver, process_started=driver.process_started - 100)
    assert earlier.life() is Life.DEAD


@pytest.mark.parametrize("part", [0, 1, 2])
def test_nothing_is_known_of_another_machine_boot_or_namespace(part):
    """Containers of one machine may share its name and its boot, and have other processes."""
    driver = DriverIdentity.of_this_process()
    parts = driver.host.split("/")
    parts[part] += "x"
    assert dataclasses.replace(driver, host="/".join(parts)).life() is Life.UNKNOWN


@pytest.mark.parametrize("minutes", [-60, -1, 1, 60])
def test_setting_the_machines_clock_kills_nobody(other, monkeypatch, minutes):
    _, driver = other
    mine = DriverIdentity.of_this_process()
    shift = 60.0 * minutes
    now, boot = driver_identity.time.time, psutil.boot_time()
    monkeypatch.setattr(driver_identity.time, "time", lambda: now() + shift)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + shift, raising=False)
    assert [driver.life(), mine.life()] == [Life.ALIVE, Life.ALIVE]
    assert mine.beat().life() is Life.ALIVE


def test_another_process_sees_a_driver_whatever_its_clock_says():
    """The reader's wall clock is an hour ahead, as after a bad synchronisation."""
    me = threading.get_native_id()
    driver = dataclasses.replace(DriverIdentity.of_this_process(), thread=me)
    ahead = "import time; _now = time.time; time.time = lambda: _now() + 3600\n" + OTHER
    for code in (OTHER, ahead):
        command = [sys.executable, "-c", code, driver.to_json()]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "alive"


def test_where_the_system_has_no_proc_psutil_is_asked(monkeypatch):
    class Elsewhere:
        def __init__(self, path):
            self.path = path

        def read_text(self, **how):
            raise FileNotFoundError(self.path)

        def exists(self):
            return False

        def __truediv__(self, name):
            return Elsewhere(f"{self.path}/{name}")

    for module in (processes, driver_identity):
        monkeypatch.setattr(module, "Path", Elsewhere)
    driver = DriverIdentity.of_this_process().beat()
    assert driver.process_started == psutil.Process().create_time()
    assert driver.life() is Life.ALIVE
    assert dataclasses.replace(driver, pid=999_999_999).life() is Life.DEAD
