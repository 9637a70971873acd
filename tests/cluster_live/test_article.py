"""The article's script, as it is, on a cluster of local nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.migration.files import FileStatus, migrate_file

pytestmark = pytest.mark.ray

ROOT = Path(__file__).parents[2]
ARTICLE = ROOT / "examples" / "article" / "article.py"
#: The whole example takes minutes: fewer iterations and folds, nothing else.
FEWER = {
    '"iterations": 20': '"iterations": 3',
    '"n_cross_validations": 5': '"n_cross_validations": 2',
}


def test_the_article_runs_as_it_is(tmp_path):
    text = ARTICLE.read_text()
    for old, new in FEWER.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "article.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "run", "article.py", "--v1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": "true"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ITERATION   PIPELINE" in done.stdout
    # Four lines of the explanation: values, names, and the same for each of the ten digits.
    summary, names, per_class, per_class_names = done.stdout.splitlines()[-4:]
    assert summary.startswith("[")
    assert names.startswith("[")
    assert per_class
    assert per_class_names


def test_nothing_of_the_article_is_left_for_a_person():
    report = migrate_file(ARTICLE)
    assert (report.status, report.remains) == (FileStatus.DONE, [])
    changed = [line for line in report.diff.splitlines() if line.startswith("-")][1:]
    assert changed
    assert all("import" in line for line in changed)
