"""Texts without control characters, and a store without passwords."""

from __future__ import annotations

import pytest

from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus
from engine.store.texts import plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("日本 é 😀", "日本 é 😀"),
        ("a\x00b", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("\x1b[2J\x1b]0;title\x07red \x1b[31mtext\x1b[0m", "red text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never ends", ""),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
        ("\x9b2J\x7f\x08", "2J"),
    ],
)
def test_plain_text(text, plain):
    assert plain_text(text) == plain
    assert plain_text(plain) == plain


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\ud800b", "x" * 9000, "\x1b[2J\x1b]0;title\x07", "", "\x00"]
)
def test_the_store_takes_any_text(store, run_id, text):
    child = store.start_iteration(
        store.run(run_id), 0, "KNN", {"a": text}, IterationProperties(), 1.0
    )
    store.retry_iteration(child, [text])
    store.end_iteration(child, IterationEnd(IterationStatus.FAILED, text, log=text))
    store.tag(run_id, "mine", text)
    store.tag_notes(run_id, [text])
    store.write_text(run_id, "logs/driver.log", text)
    store.set_status(run_id, RunStatus.FAILED, ValueError(text))
    reason = store.iteration(child).reason
    assert reason == store.run(run_id).error
    assert plain_text(reason) == reason
    assert len(reason) <= 4000


def test_passwords_do_not_enter_the_store(store, run_id):
    text = "no answer from postgresql://bob:SECRET@db/m"
    child = store.start_iteration(
        store.run(run_id), 0, "KNN", {"uri": text}, IterationProperties(), 1.0
    )
    store.end_iteration(child, IterationEnd(IterationStatus.FAILED, text))
    store.set_status(run_id, RunStatus.FAILED, ValueError(text))
    store.tag_notes(run_id, [text])
    for run in (run_id, child):
        assert "SECRET" not in str(store.client.get_run(run).to_dictionary())


@pytest.mark.parametrize("uri", ["https://bob:SECRET@host/", "postgresql://bob:SECRET@db/m"])
def test_passwords_of_the_store_are_in_no_message(store, run_id, uri):
    hidden = store.with_patience(store.client.patience)
    hidden.tracking_uri = uri
    assert "bob" not in hidden.page_of(run_id)
    with pytest.raises(Exception, match="there is no run 'x'") as caught:
        hidden.run("x")
    assert "SECRET" not in str(caught.value)
