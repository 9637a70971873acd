"""Workspaces by the service's own file, by their names, and by nothing at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine import Workspace as StrictWorkspace
from engine import WorkspaceException
from engine.azureml.core import Workspace
from engine.azureml.core.authentication import ServicePrincipalAuthentication

SERVICE = {
    "subscription_id": "11111111-2222-3333-4444-555555555555",
    "resource_group": "my-group",
    "workspace_name": "churn",
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(file, **changes):
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(json.dumps(SERVICE | changes))


@pytest.mark.parametrize("file", ["config.json", ".azureml/config.json", "aml_config/config.json"])
def test_the_services_own_file_opens_a_workspace_beside_it(place, monkeypatch, file):
    write(file)
    below = place / "notebooks" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    ws = Workspace.from_config(auth=ServicePrincipalAuthentication("t", "c", "secret"))
    assert (ws.name, ws.resource_group) == ("churn", "my-group")
    assert ws.subscription_id == SERVICE["subscription_id"]
    assert ws.folder == place / ".raysmith"
    assert isinstance(ws.location, str)
    assert Workspace.from_config().folder == ws.folder
    assert Workspace.from_config(path=place / file).folder == ws.folder


def test_without_a_file_a_workspace_is_made_here(place):
    ws = Workspace.from_config()
    assert ws.folder == place / ".raysmith"
    output = {
        "SDK": ws.subscription_id,
        "Workspace": ws.name,
        "Group": ws.resource_group,
        "Location": ws.location,
        "sku": ws.sku,
    }
    assert all(isinstance(text, str) and text for text in output.values())


def test_a_file_of_another_program_is_none_of_the_service(place):
    (place / ".azureml").mkdir()
    (place / ".azureml" / "config.json").write_text('{"learning_rate": 0.1}')
    (place / "aml_config").mkdir()
    (place / "aml_config" / "config.json").write_text("no json")
    assert Workspace.from_config().folder == place / ".raysmith"


def test_another_file_name(place):
    write(".azureml/production.json", workspace_name="production")
    assert Workspace.from_config(_file_name="production.json").name == "production"
    with pytest.raises(WorkspaceException, match=r"no test\.json at"):
        Workspace.from_config(_file_name="test.json")


def test_a_workspace_that_is_nearer_wins(place, monkeypatch):
    write("config.json")
    (place / "own").mkdir()
    monkeypatch.chdir(place / "own")
    StrictWorkspace.create("mine")
    assert Workspace.from_config().name == "mine"


def test_the_strict_class_says_who_opens_the_file(place):
    write("config.json")
    with pytest.raises(WorkspaceException, match=r"engine\.azureml\.core\.Workspace"):
        StrictWorkspace.from_config()


def test_both_classes_open_the_same_store(place):
    ws = Workspace.from_config()
    assert StrictWorkspace.from_config().tracking_uri == ws.tracking_uri


def test_by_its_name(place, monkeypatch):
    """The notebook that configures a workspace makes it, writes its file, and others find it."""
    ws = Workspace("a-subscription", "a-group", "demo")
    ws.write_config()
    assert json.loads(Path(".azureml/config.json").read_text())["workspace_name"] == "demo"
    (place / "below").mkdir()
    monkeypatch.chdir(place / "below")
    for again in (
        Workspace.from_config(),
        Workspace(
            subscription_id="a-subscription", resource_group="a-group", workspace_name="demo"
        ),
        Workspace.get(name="demo", subscription_id="a-subscription", resource_group="a-group"),
    ):
        assert (again.name, again.folder) == ("demo", ws.folder)
        assert again.resource_group == "a-group"
    assert [found.name for found in Workspace.list("a-subscription")["demo"]] == ["demo"]


def test_create(capsys):
    made = Workspace.create(
        name="demo", subscription_id="s", resource_group="g", location="eastus2",
        create_resource_group=True, exist_ok=True,
    )  # fmt: skip
    assert "workspace 'demo' in" in capsys.readouterr().out
    assert made.location == "eastus2"
    assert Workspace.from_config().location == "eastus2"
    details = made.get_details()
    assert (details["name"], details["location"]) == ("demo", "eastus2")
    assert details["id"].startswith("/subscriptions/s/resourceGroups/g/")
    with pytest.raises(WorkspaceException, match="already"):
        Workspace.create("demo")
    assert Workspace.create("demo", exist_ok=True).folder == made.folder
    with pytest.raises(WorkspaceException, match="non-empty"):
        Workspace.create(" ")


def test_two_names_in_one_folder_are_two_stores():
    first, second = Workspace("s", "g", "one"), Workspace("s", "g", "two")
    assert first.tracking_uri != second.tracking_uri
    assert Workspace("s", "g", "two").folder == second.folder
    assert Workspace("s", "g", "one").folder == first.folder
    with pytest.raises(WorkspaceException, match="allowed are letters"):
        Workspace("s", "g", "../three")


def test_a_file_written_elsewhere_leads_to_the_same_store(place):
    ws = Workspace.from_config()
    ws.write_config(path=place / "elsewhere", file_name="ws.json")
    found = Workspace.from_config(place / "elsewhere", _file_name="ws.json")
    assert found.folder == ws.folder
    shutil.rmtree(ws.folder)
    moved = Workspace.from_config(place / "elsewhere", _file_name="ws.json")
    assert moved.folder == place / "elsewhere" / ".raysmith"


def test_no_password_is_kept(place):
    write("config.json")
    secret = ServicePrincipalAuthentication(
        tenant_id="t", service_principal_id="c", service_principal_password="hunter2"
    )
    Workspace.from_config(auth=secret)
    assert "hunter2" not in repr(vars(secret))
    kept = [f for f in place.rglob("*") if f.is_file() and b"hunter2" in f.read_bytes()]
    assert kept == []


def test_deleting_is_refused():
    ws = Workspace.from_config()
    with pytest.raises(WorkspaceException, match="its files are in"):
        ws.delete(delete_dependent_resources=True)
    assert ws.folder.is_dir()


def test_secrets_are_variables(monkeypatch):
    monkeypatch.setenv("DB", "hunter2")
    vault = Workspace.from_config().get_default_keyvault()
    assert vault.get_secrets(["DB", "NO_SUCH"]) == {"DB": "hunter2", "NO_SUCH": None}
    with pytest.raises(NotImplementedError, match="environment variable"):
        vault.set_secret("DB", "x")
