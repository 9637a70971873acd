"""What is imported before two threads need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import sys
from engine.data.dataset import Layout
from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.driver.second_level_job import import_libraries

columns = (Column("number", "Numeric", ""), Column("other", "{purpose}", ""))
assert not {{"lightgbm", "skrub"}} & sys.modules.keys()
import_libraries(Layout(columns, FeaturizationConfig()))
print(sorted({{"lightgbm", "skrub"}} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("purpose", "imported"),
    [
        ("Numeric", ["lightgbm"]),
        ("Text", ["lightgbm", "skrub"]),
        ("DateTime", ["lightgbm", "skrub"]),
    ],
)
def test_encoders_are_imported_where_there_are_dates_or_texts(purpose, imported):
    """Before a thread and one that reads models import them at once, and one finds half of them."""
    code = LOOK.format(purpose=purpose)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout.strip() == str(imported), told.stderr
