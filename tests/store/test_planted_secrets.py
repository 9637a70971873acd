"""A password in the tracking URI: planted, then looked for in everything that a run leaves."""

from __future__ import annotations

import traceback
from urllib.parse import urlsplit

import pytest

from engine import AutoMLRun, Experiment, RunException, Workspace
from engine.store.status import RunStatus
from tests.client.recorded import record_run

PLANTED = "planted%2Din-the-uri-4711"


@pytest.fixture
def run(tracking_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = urlsplit(tracking_server).netloc
    workspace = Workspace.create("w", f"http://ada:{PLANTED}@{address}")
    return record_run(Experiment(workspace, f"planted in {tmp_path.name}"))


def test_it_is_found_nowhere(run, tmp_path, tmp_path_factory, capfd):
    workspace = run.experiment.workspace
    # MLflow has something to say when a run ends.
    run.store.set_status(run.id, RunStatus.COMPLETED)
    run.wait_for_completion(show_output=True)
    best, _ = run.get_output()
    run.report("report.html")
    run.register_model("planted")
    texts = [repr(run), repr(workspace), repr(run.experiment), repr(best), run.get_portal_url()]
    texts += [str(run.get_details()), str(best.get_details()), str(run.summary().to_dict())]
    for wrong in (
        lambda: AutoMLRun(run.experiment, "0" * 32).get_status(),
        lambda: run.download_file("nothing"),
    ):
        with pytest.raises((RunException, FileNotFoundError)) as told:
            wrong()
        texts.append("".join(traceback.format_exception(told.value)))
    texts += capfd.readouterr()
    owners = [run.id, *(record.run_id for record in run.store.iterations(run.id))]
    kept = str([run.store.client.get_run(owner).to_dictionary() for owner in owners])
    copies = tmp_path_factory.mktemp("copies")
    for owner in owners:
        run.store.download(owner, "", str(copies / owner))
    files = {file: file.read_bytes() for file in copies.rglob("*") if file.is_file()}
    assert {"model_card.md", "model.pkl.zst", "iteration.log"} <= {file.name for file in files}
    for planted in (PLANTED, PLANTED.replace("%2D", "-")):
        assert all(planted not in text for text in (*texts, kept))
        assert not [name for name, content in files.items() if planted.encode() in content]
        here = [
            f for f in tmp_path.rglob("*") if f.is_file() and planted.encode() in f.read_bytes()
        ]
        # The one place, which only its owner reads.
        assert here in ([], [tmp_path / ".raysmith" / "config.json"])
    assert "http://127.0.0.1:" in run.get_portal_url()
