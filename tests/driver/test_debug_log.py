"""The file of a driver's log lines: two runs at once, and files that cannot be written."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.config.settings import Settings
from engine.driver.debug_log import debug_log, open_debug_log
from engine.store.redaction import Redaction
from tests.driver.replay import Replay

LOGGER = logging.getLogger("raysmith.driver")
#: What is not remote is not uploaded.
STORE = SimpleNamespace(redact=Redaction())


def settings(file):
    return Settings("classification", "accuracy", debug_log=None if file is None else str(file))


def test_its_folder_is_made(tmp_path):
    file = tmp_path / "logs" / "of today" / "automl.log"
    open_debug_log(settings(file))
    assert file.read_text() == ""
    with debug_log(settings(file), STORE, "run"):
        LOGGER.info("one \ud800 half")
    open_debug_log(settings(file))
    assert file.read_text().endswith("INFO one \\ud800 half\n")


def test_passwords_are_hidden(tmp_path):
    file = tmp_path / "automl.log"
    with debug_log(settings(file), STORE, "run"):
        try:
            raise OSError("no answer from https://bob:SECRET@host")
        except OSError:
            LOGGER.exception("failed")
    assert "https://bob:***@host" in file.read_text()
    assert "SECRET" not in file.read_text()


@pytest.mark.parametrize("breaks", ["no folder", "full disk"])
def test_a_file_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path, capsys, breaks):
    file = tmp_path / "no" / "automl.log" if breaks == "no folder" else "/dev/full"
    with debug_log(settings(file), STORE, "run"):
        LOGGER.info("one")
        LOGGER.info("two")
    told = capsys.readouterr().err
    assert told.count("the run goes on") == 1
    assert "No such file" in told or "No space left" in told


@pytest.mark.usefixtures("store_in_memory")
def test_a_run_whose_log_is_taken_away_completes(experiment, tmp_path, capsys):
    replay = Replay(experiment, iterations=2, debug_log="logs/driver.log")
    shutil.rmtree(tmp_path / "logs", ignore_errors=True)
    assert set(replay.drive().values()) == {"Completed"}
    assert replay.status == "Completed"
    assert "the run goes on" in capsys.readouterr().err


def test_each_of_two_runs_has_its_own_lines(tmp_path):
    log = logging.getLogger("raysmith.driver")
    both = threading.Barrier(2, timeout=30)

    def drive(name):
        its = Settings("regression", "r2_score", debug_log=str(tmp_path / name))
        with debug_log(its, STORE, name):
            both.wait()
            log.info("a line of %s", name)
            both.wait()

    threads = [threading.Thread(target=drive, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, other in (("one", "two"), ("two", "one")):
        text = Path(tmp_path / name).read_text()
        assert f"a line of {name}" in text
        assert f"a line of {other}" not in text


def test_lines_of_a_runs_other_threads_are_kept(tmp_path):
    its = Settings("regression", "r2_score", debug_log=str(tmp_path / "log"))
    with debug_log(its, STORE, "run"):
        logger = logging.getLogger("raysmith.driver")
        thread = threading.Thread(target=logger.info, args=("from the watch",))
        thread.start()
        thread.join()
    assert "from the watch" in (tmp_path / "log").read_text()
