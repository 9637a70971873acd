"""Calls that are repeated, and those that are not."""

from __future__ import annotations

import errno

import pytest
import requests
import sqlalchemy.exc
from mlflow.exceptions import InvalidUrlException, MlflowException, RestException
from mlflow.protos import databricks_pb2 as codes

from engine.errors import RunException, StoreUnavailable
from engine.store.redaction import Redaction
from engine.store.retrying import NONE, Access, Patience, RetryingClient, is_outage


def from_cause(code, cause):
    error = MlflowException(str(cause), code)
    error.__cause__ = cause
    return error


def http_error(status):
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("no", response=response)


def database_error(kind, **more):
    return kind("SELECT 1", {}, Exception("no"), **more)


OUTAGES = {
    "locked": from_cause(
        codes.TEMPORARILY_UNAVAILABLE, database_error(sqlalchemy.exc.OperationalError)
    ),
    "server away": MlflowException("API request to http://host failed with exception"),
    "500": RestException({"error_code": "INTERNAL_ERROR", "message": "no"}),
    "429": MlflowException("too many", codes.REQUEST_LIMIT_EXCEEDED),
    "proxy's 404": MlflowException("<html>", codes.ENDPOINT_NOT_FOUND),
    "cut": from_cause(codes.BAD_REQUEST, database_error(sqlalchemy.exc.InterfaceError)),
    "closed": from_cause(codes.BAD_REQUEST, database_error(sqlalchemy.exc.DatabaseError)),
    "invalidated": database_error(sqlalchemy.exc.DataError, connection_invalidated=True),
    "disk full": OSError(errno.ENOSPC, "full"),
    "refused": ConnectionRefusedError(),
    "timeout": requests.ReadTimeout("slow"),
    "502": http_error(502),
}
ANSWERS = {
    "no run": MlflowException("no", codes.RESOURCE_DOES_NOT_EXIST),
    "invalid": MlflowException("no", codes.INVALID_PARAMETER_VALUE),
    "forbidden": MlflowException("no", codes.PERMISSION_DENIED),
    "too large": http_error(413),
    "not allowed": http_error(403),
    "constraint": from_cause(codes.BAD_REQUEST, database_error(sqlalchemy.exc.IntegrityError)),
    "our mistake": from_cause(codes.INTERNAL_ERROR, TypeError("no")),
    "bad address": InvalidUrlException("no"),
    "no file": FileNotFoundError(),
    "no permission": PermissionError(),
    "a bug": KeyError("no"),
    "ours": RunException("no"),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES)
def test_what_may_succeed_later_is_an_outage(error):
    assert is_outage(error)


@pytest.mark.parametrize("error", ANSWERS.values(), ids=ANSWERS)
def test_what_the_store_has_answered_is_none(error):
    assert not is_outage(error)


class Time:
    def __init__(self):
        self.now = 1000.0
        self.pauses = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


class Calls:
    """Fails while there are errors."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def get_run(self, run_id):
        return self._do(run_id)

    def set_tag(self, run_id):
        return self._do(run_id)

    def _do(self, run_id):
        if self.errors:
            raise self.errors.pop(0)
        return run_id


@pytest.fixture
def time():
    return Time()


def client(calls, time, seconds=60.0):
    patience = Patience(seconds, 1.0, 4.0, time.clock, time.sleep)
    return RetryingClient(calls, patience, "the store", Redaction())


def test_pauses_grow_and_have_jitter(time):
    assert client(Calls(*[OSError()] * 5), time).get_run("x") == "x"
    for pause, longest in zip(time.pauses, (1.0, 2.0, 4.0, 4.0, 4.0), strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize(("failures", "warnings"), [(1, 0), (2, 0), (6, 1)])
def test_an_outage_that_lasts_is_told_once(time, caplog, failures, warnings):
    assert client(Calls(*[OSError("no room")] * failures), time).get_run("x") == "x"
    assert [r.levelname for r in caplog.records] == ["WARNING"] * warnings
    assert all("no room; trying again" in text for text in caplog.messages)


def test_an_answer_is_not_repeated(time):
    with pytest.raises(FileNotFoundError):
        client(Calls(FileNotFoundError(), OSError()), time).get_run("x")
    assert time.pauses == []


def test_patience_ends(time):
    with pytest.raises(StoreUnavailable) as caught:
        client(Calls(*[OSError("away")] * 1000), time).get_run("x")
    assert time.now == pytest.approx(1060.0)
    assert str(caught.value) == (
        "runs could not be read in the store the store: OSError: away (for 60 s); "
        "check that the store answers and that its disks have room, then try again"
    )


def test_a_cause_with_a_password_is_neither_told_nor_chained(time):
    error = MlflowException("API request to https://bob:SECRET@host/api failed")
    with pytest.raises(StoreUnavailable) as caught:
        client(Calls(error), time, seconds=0.0).get_run("x")
    assert "https://bob:***@host/api" in str(caught.value)
    assert caught.value.__context__ is None


def test_after_the_patience_each_call_is_tried_once_until_one_succeeds(time):
    calls = Calls(*[OSError()] * 1000)
    store = client(calls, time)
    with pytest.raises(StoreUnavailable):
        store.get_run("x")
    calls.errors = [OSError(), OSError()]
    with pytest.raises(StoreUnavailable):
        store.get_run("x")
    calls.errors = []
    assert store.get_run("x") == "x"
    calls.errors = [OSError(), OSError()]
    assert store.get_run("x") == "x"


def test_another_kind_of_call_has_half_a_minute(time):
    calls = Calls(*[OSError()] * 1000)
    store = client(calls, time)
    with pytest.raises(StoreUnavailable):
        store.get_run("x")
    began = time.now
    with pytest.raises(StoreUnavailable):
        store.set_tag("x")
    assert time.now - began == pytest.approx(30.0)


def test_reads_that_succeed_do_not_prolong_an_outage_of_writes(time):
    calls = Calls()
    store = client(calls, time)

    def write():
        assert store.get_run("x") == "x"
        raise OSError("locked")

    with pytest.raises(StoreUnavailable):
        store.attempt(Access.WRITE_RECORDS, write)
    assert time.now == pytest.approx(1060.0)


def test_a_failure_of_long_ago_is_forgotten(time):
    calls = Calls(*[OSError()] * 1000)
    store = client(calls, time)
    with pytest.raises(StoreUnavailable):
        store.get_run("x")
    time.now += 1000.0
    calls.errors = [OSError(), OSError()]
    assert store.get_run("x") == "x"


def test_without_patience_nothing_waits(time):
    calls = Calls(OSError(), OSError())
    store = client(calls, time).with_patience(NONE)
    with pytest.raises(StoreUnavailable):
        store.get_run("x")
    assert time.pauses == []
    assert len(calls.errors) == 1
