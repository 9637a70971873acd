"""The files of runs that one process drives at the same time."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from engine.config.settings import Settings
from engine.driver.debug_log import debug_log


def test_each_of_two_runs_has_its_own_lines(tmp_path):
    log = logging.getLogger("raysmith.driver")
    both = threading.Barrier(2, timeout=30)

    def drive(name):
        settings = Settings("regression", "r2_score", debug_log=str(tmp_path / name))
        with debug_log(settings, None, name):
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
    settings = Settings("regression", "r2_score", debug_log=str(tmp_path / "log"))
    with debug_log(settings, None, "run"):
        logger = logging.getLogger("raysmith.driver")
        thread = threading.Thread(target=logger.info, args=("from the watch",))
        thread.start()
        thread.join()
    assert "from the watch" in (tmp_path / "log").read_text()
