"""Passwords in the URIs of tables: they are handed to the driver, and stored nowhere."""

from __future__ import annotations

import json
import traceback

import pytest

from engine import AutoMLConfig, ConfigException, DataException
from engine.config.specification import RunSpecification

PLANTED = "planted/4711+x"
URI = f"s3://AKIA1:{PLANTED}@bucket/t.csv"
SIGNED = f"https://bucket/v.csv?se=2030&sig={PLANTED}"


@pytest.fixture
def given():
    config = AutoMLConfig(
        "classification", training_data=URI, validation_data=SIGNED, label_column_name="t"
    )
    assert PLANTED not in repr(config)
    return config.prepare()


@pytest.fixture
def again(given):
    """The specification as another process reads it."""
    text = json.dumps(given.to_spec())
    assert PLANTED not in text
    return RunSpecification.from_spec(json.loads(text), lambda name: None)


def test_the_driver_is_handed_them(given):
    assert given.data.tables["training_data"] == URI
    assert dict(given.secrets) == {
        "RAYSMITH_TRAINING_DATA": URI,
        "RAYSMITH_VALIDATION_DATA": SIGNED,
    }
    assert given.passwords == (PLANTED, PLANTED)
    assert PLANTED not in f"{given!r} {given.secrets!r}"


def test_the_store_has_the_rest_of_the_uris(again):
    assert again.missing == ("training_data", "validation_data")
    assert again.data.tables["training_data"] == "s3://AKIA1:***@bucket/t.csv"
    assert again.data.tables["validation_data"] == "https://bucket/v.csv?se=2030&sig=***"


def test_they_come_back_from_who_knows_them(given, again, monkeypatch):
    monkeypatch.setenv("RAYSMITH_VALIDATION_DATA", SIGNED)
    whole = again.complete({"RAYSMITH_TRAINING_DATA": URI})
    assert whole.data.tables == given.data.tables
    assert whole.missing == ()
    assert whole.to_spec() == given.to_spec()
    assert whole.complete({}) == whole


def test_a_specification_without_them_is_written_as_it_was(given, again):
    assert again.to_spec() == given.to_spec()


def test_without_them_every_table_is_named(again, monkeypatch):
    monkeypatch.setenv("RAYSMITH_VALIDATION_DATA", "")
    with pytest.raises(ConfigException) as told:
        again.complete({})
    for words in (
        "training_data='s3://AKIA1:***@bucket/t.csv': its password is kept nowhere",
        "os.environ['RAYSMITH_TRAINING_DATA']",
        "os.environ['RAYSMITH_VALIDATION_DATA']",
    ):
        assert words in str(told.value)


@pytest.mark.parametrize(
    "uri", ["file:///no/where/a:b@c.csv", "https://host:1/a@b.csv", "s3://bucket/t.csv?version=7"]
)
def test_uris_without_passwords_are_stored_whole(uri):
    config = AutoMLConfig("classification", training_data=uri, label_column_name="t")
    given = config.prepare()
    assert given.secrets == {}
    again = RunSpecification.from_spec(given.to_spec(), lambda name: None)
    assert again.data.tables["training_data"] == uri
    assert again.complete({}) == again


@pytest.mark.parametrize(
    "uri", [URI, "http://127.0.0.1:9/t.csv?token=planted/4711%2Bx", f"ftp://a:{PLANTED}@[::1/t.xls"]
)
def test_errors_do_not_show_them(uri):
    config = AutoMLConfig("classification", training_data=uri, label_column_name="t")
    with pytest.raises(DataException, match=r"\*\*\*") as told:
        config.prepare().data.read()
    assert "planted" not in "".join(traceback.format_exception(told.value))
