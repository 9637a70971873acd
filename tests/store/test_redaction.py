"""Secrets in texts that are stored, logged and said."""

from __future__ import annotations

import logging
import traceback

import pytest

from engine.config.settings import Settings
from engine.driver.debug_log import debug_log
from engine.errors import RunException, StoreUnavailable
from engine.store.mlflow_store import RunStore
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.redaction import Redaction
from engine.store.retrying import NONE
from engine.store.status import IterationStatus, RunStatus

pytestmark = pytest.mark.usefixtures("store_in_memory")

PLANTED = "pl@nted/4711"


def test_what_is_replaced():
    redact = Redaction(["secret-1", "secret-1-and-more", "p%40ssword", "1", ""])
    assert redact("secret-1-and-more, secret-1") == "***, ***"
    assert redact("p@ssword or p%40ssword; 1") == "*** or ***; 1"
    assert not Redaction(["1"])
    assert Redaction()("a text") == "a text"


def test_reasons_errors_notes_and_logs_have_no_secrets(store, run_id):
    fresh = RunStore(store.tracking_uri, client=store.client.once)
    fresh.redact.add([PLANTED])
    text = f"login failed for {PLANTED}"
    child = fresh.start_iteration(
        fresh.run(run_id), 0, "KNN", {}, IterationProperties(node_ip="x"), 1.0
    )
    fresh.write_text(child, "logs/iteration.log", text)
    assert PLANTED.encode() not in fresh.read_bytes(child, "logs/iteration.log")
    fresh.retry_iteration(child, [text])
    fresh.end_iteration(child, IterationEnd(IterationStatus.FAILED, reason=text, log=text))
    fresh.tag_notes(run_id, [text])
    fresh.set_status(run_id, RunStatus.FAILED, RunException(text))
    fresh.write_text(run_id, "logs/get_data.log", text)
    record, iteration = fresh.run(run_id), fresh.iteration(child)
    hidden = "login failed for ***"
    assert (record.error, record.notes) == (hidden, (hidden,))
    assert (iteration.reason, iteration.retries) == (hidden, (hidden,))
    for owner, file in ((child, "logs/iteration.log"), (run_id, "logs/get_data.log")):
        assert fresh.read_bytes(owner, file) == hidden.encode()
    everything = [fresh.client.get_run(one).to_dictionary() for one in (run_id, child)]
    assert PLANTED not in str(everything)


def test_the_drivers_log_has_no_secrets(store, run_id, tmp_path):
    fresh = RunStore(store.tracking_uri, client=store.client.once)
    fresh.redact.add([PLANTED])
    file = tmp_path / "automl.log"
    settings = Settings("regression", "r2_score", debug_log=str(file))
    with debug_log(settings, fresh, run_id):
        try:
            raise OSError(f"no login with {PLANTED}")
        except OSError:
            logging.getLogger("raysmith.driver").exception("run %s failed", PLANTED)
    assert "OSError: no login with ***" in file.read_text()
    assert PLANTED not in file.read_text()


def test_errors_of_a_server_with_a_login():
    """MLflow quotes the address, and the errors of the HTTP client, which quote it too."""
    store = RunStore("http://ada:s3cret%2Fpw@127.0.0.1:9", NONE)
    for call in (
        lambda: store.run("0" * 32),
        lambda: store.experiments(),
        lambda: store.tag("0" * 32, "a", "b"),
    ):
        with pytest.raises(StoreUnavailable) as told:
            call()
        whole = "".join(traceback.format_exception(told.value))
        assert "s3cret" not in whole
        assert "s3cret/pw" not in whole
