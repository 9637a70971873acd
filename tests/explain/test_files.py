"""Explanations among an iteration's files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.errors import RunException
from engine.explain import files
from engine.explain.files import load_explanation, save_explanation
from tests.explain.test_explanation import explanation

PNG = b"\x89PNG\r\n\x1a\n"


class Folder:
    """A store that holds files in memory."""

    def __init__(self):
        self.files = {}

    def write_files(self, run_id, folder, files):
        self.files |= {f"{run_id}/{folder}/{name}": content for name, content in files.items()}

    def read_bytes(self, run_id, name):
        try:
            return self.files[f"{run_id}/{name}"]
        except KeyError:
            raise FileNotFoundError(name) from None


def test_an_explanation_is_kept_with_its_plots():
    store, kept = Folder(), explanation()
    save_explanation(store, "one", kept)
    np.testing.assert_array_equal(load_explanation(store, "one").values, kept.values)
    summary = json.loads(store.files["one/explanation/summary.json"])
    assert summary == json.loads(json.dumps(kept.summary()))
    plots = [name for name in store.files if name.endswith(".png")]
    names = {"bar", "bar_per_class", "beeswarm", "dependence"}
    assert set(plots) == {f"one/explanation/{name}.png" for name in names}
    assert all(store.files[name].startswith(PNG) for name in plots)


def test_an_explanation_without_the_values_of_the_rows_has_the_other_plots():
    store, kept = Folder(), explanation().without_data()
    save_explanation(store, "one", kept)
    again = load_explanation(store, "one")
    np.testing.assert_array_equal(again.values, explanation().values)
    assert again.data.shape == (len(again.rows), 0)
    assert again.summary() == explanation().summary()
    plots = {name.rpartition("/")[2] for name in store.files if name.endswith(".png")}
    assert plots == {"bar.png", "bar_per_class.png", "beeswarm.png"}


def test_plots_that_fail_do_not_lose_the_values(monkeypatch):
    def broken(explanation):
        raise ValueError("no plot")

    monkeypatch.setattr(files, "draw_plots", broken)
    store = Folder()
    save_explanation(store, "one", explanation())
    assert load_explanation(store, "one").n_given == 9
    assert not any(name.endswith(".png") for name in store.files)


def test_what_was_not_explained_is_an_error_that_helps():
    with pytest.raises(RunException, match=r"run\.explain\(iteration="):
        load_explanation(Folder(), "one")
