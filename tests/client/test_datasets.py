"""Data sets by name and version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from engine.client.datasets import (
    dataset_names,
    forget_dataset,
    read_dataset,
    register_dataset,
    versions,
)
from engine.errors import DataException


@pytest.fixture
def place(tmp_path):
    return SimpleNamespace(folder=tmp_path)


def add(place, name="churn", number=1, **more):
    return register_dataset(place, name, "tabular", {"number": number}, **more)


def test_versions(place):
    first = add(place, description="first", tags={"a": "b"})
    assert (first.version, first.description, first.tags) == (1, "first", {"a": "b"})
    assert add(place) == first
    with pytest.raises(DataException, match="create_new_version=True"):
        add(place, number=2)
    second = add(place, number=2, new_version=True)
    assert read_dataset(place, "churn") == second
    assert read_dataset(place, "churn", 1) == read_dataset(place, "churn", "1") == first
    assert read_dataset(place, "churn", "latest").plan == {"number": 2}


@pytest.mark.parametrize("version", [3, 0, -1, "x", ""])
def test_a_version_that_is_not_there(place, version):
    add(place)
    with pytest.raises(DataException, match="has no version"):
        read_dataset(place, "churn", version)


def test_a_name_that_is_not_there(place):
    add(place)
    with pytest.raises(DataException, match="there is churn"):
        read_dataset(place, "nosuch")
    with pytest.raises(DataException, match="non-empty"):
        add(place, name=" ")


@pytest.mark.parametrize("name", ["a/b", "..", ".", "ünïcode name", "a%2Fb", "con:*?"])
def test_any_text_is_a_name(place, name):
    add(place, name=name)
    assert dataset_names(place) == [name]
    assert read_dataset(place, name).name == name
    assert all(place.folder in f.parents for f in place.folder.rglob("1.json"))
    assert len(list((place.folder / "datasets").glob("*/1.json"))) == 1


def test_processes_that_add_at_the_same_time_get_versions_of_their_own(place):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: add(place, number=n, new_version=True), range(20)))
    assert sorted(record.version for record in found) == list(range(1, 21))
    assert versions(place, "churn") == list(range(1, 21))


def test_forgetting(place):
    add(place)
    forget_dataset(place, "churn")
    assert dataset_names(place) == []
