"""Memory of processes: watched, and limited."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from engine.driver.memory_watch import MemoryWatch, own_memory
from tests.live.helpers import wait_until

#: Takes memory, says so, gives it back, says so, and ends when it may.
HUNGRY = """
import mmap, sys
size = int(sys.argv[1]) << 20
held = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for i in range(0, size, 4096):
    held[i] = 1
print("full", flush=True)
sys.stdin.readline()
held.close()
print("empty", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def hungry(megabytes):
    """A process that has taken so much memory."""
    with subprocess.Popen(
        [sys.executable, "-c", HUNGRY, str(megabytes)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "full\n"
        yield process
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def say(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


@pytest.mark.parametrize(("megabytes", "is_ended"), [(40, True), (4000, False), (None, False)])
def test_a_process_over_its_memory_is_ended(megabytes, is_ended):
    watch = MemoryWatch()
    with hungry(80) as process:
        watch.watch("3.log", process.pid, 3, megabytes)
        if not is_ended:
            assert own_memory(process.pid) > 80 << 20
            process.stdin.close()
        assert process.wait(30) == (-signal.SIGKILL if is_ended else 0)
    reason = watch.why_ended("3.log")
    assert reason.startswith("over mem_in_mb=40: it used ") if is_ended else reason is None
    assert own_memory(process.pid) is None


def test_the_peak_is_remembered_when_the_memory_is_given_back():
    watch = MemoryWatch()
    with hungry(80) as process:
        watch.watch("3.log", process.pid, 3, None)
        assert say(process) == "empty\n"
        start, peak = watch.end("3.log", process.pid, 3)
        assert peak >= start > 80
        watch.watch("4.log", process.pid, 4, None)
        start, peak = watch.end("4.log", process.pid, 4)
        assert peak < 80


def test_a_trial_that_is_not_watched_any_more_is_not_ended():
    watch = MemoryWatch()
    with hungry(80) as process:
        watch.watch("3.log", process.pid, 3, 4000)
        assert watch.end("3.log", process.pid, 3) is not None
        assert watch.end("3.log", process.pid, 3) is None
        watch.watch("4.log", process.pid, 4, 1)
        assert process.wait(30) == -signal.SIGKILL
    assert watch.why_ended("3.log") is None
    assert watch.why_ended("4.log") is not None


def test_another_try_of_a_trial_is_not_blamed_for_the_first():
    watch = MemoryWatch()
    with hungry(20) as process:
        watch.watch("3.log", process.pid, 3, 1)
        process.wait(30)
    watch.watch("3.log", os.getpid(), 3, None)
    assert watch.why_ended("3.log") is None
    watch.end("3.log", os.getpid(), 3)


def test_a_process_that_is_gone_is_not_watched():
    watch = MemoryWatch()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(30)
    watch.watch("3.log", process.pid, 3, 1)
    assert watch.end("3.log", process.pid, 3) is None
    assert watch.why_ended("3.log") is None


def test_the_looking_ends_with_the_last_trial():
    watch = MemoryWatch()
    for number in range(3):
        watch.watch(f"{number}.log", os.getpid(), number, None)
    watch.watch("other.log", os.getppid(), 0, None)
    looking = [t for t in threading.enumerate() if t.name == "raysmith-memory"]
    assert looking
    assert [watch.end(f"{number}.log", os.getpid(), number) is None for number in range(3)] == [
        True,
        True,
        False,
    ]
    assert watch.end("other.log", os.getppid(), 0) is not None
    for thread in looking:
        thread.join(30)
        assert not thread.is_alive()


def test_calls_for_a_process_may_come_in_another_order():
    watch = MemoryWatch()
    with hungry(80) as process:
        watch.watch("3.log", process.pid, 3, 4000)
        watch.watch("2.log", process.pid, 2, 1)  # late: the process is not ended for it
        assert watch.end("2.log", process.pid, 2) is None
        assert watch.end("3.log", process.pid, 3) is not None
        assert watch.end("4.log", process.pid, 4) is None
        watch.watch("4.log", process.pid, 4, 1)  # it is over already
        watch.watch("5.log", process.pid, 5, 1)
        assert process.wait(30) == -signal.SIGKILL
    assert [watch.why_ended(f"{n}.log") is None for n in (2, 3, 4, 5)] == [True] * 3 + [False]


def test_what_a_process_had_when_it_died_beside_another():
    watch = MemoryWatch()
    with hungry(150) as large, hungry(40) as small:
        watch.watch("0.log", large.pid, 0, None)
        watch.watch("1.log", small.pid, 1, None)
        small.kill()
        small.wait(30)
        wait_until(lambda: "1.log" in watch._left, 30)
        left = watch.last_memory("1.log")
        assert 40 < left.peak_mb < 120 < left.beside_mb
        assert left.was_bystander(None)
        guilty = watch.last_memory("0.log")
        assert (guilty.peak_mb > 120, guilty.beside_mb) == (True, 0.0)
        assert watch.last_memory("2.log") is None
        # Another try of the trial begins anew.
        watch.watch("1.log", large.pid, 2, None)
        assert watch.last_memory("1.log").peak_mb > 120
