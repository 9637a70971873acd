"""Clusters as old scripts use them, without a cluster."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from cluster.errors import ComputeTargetException
from cluster.providers import kinds
from cluster.targets import target as ray_target
from cluster.targets.registry import names
from cluster.targets.status import AmlComputeStatus
from engine.azureml.core.compute import AksCompute, AmlCompute, ComputeTarget
from engine.azureml.unavailable import NotAvailable
from tests.cluster.targets.clusters import AtOnce


class Recorded(AtOnce):
    """A cluster that never has a node."""

    def why_no_nodes(self):
        return "the autoscaler says: no machine is free"


class Asked:
    """A head without nodes that takes jobs, and keeps them."""

    def __init__(self):
        self.submitted, self.stopped = [], []

    def nodes(self):
        return []

    def running_jobs(self):
        return []

    def serve_applications(self):
        return {}

    def submit(self, entrypoint, submission_id, runtime_env, metadata):
        self.submitted.append(entrypoint)

    def stop(self, submission_id):
        self.stopped.append(submission_id)


@pytest.fixture
def head(monkeypatch):
    found = Asked()
    monkeypatch.setitem(kinds.KINDS, "local", Recorded)
    monkeypatch.setattr(ray_target, "Head", lambda *arguments: found)
    return found


@pytest.fixture
def made(ws, head):
    config = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_D2_V2", vm_priority="lowpriority", max_nodes=6
    )
    return ComputeTarget.create(ws, "automlcl", config)


def test_a_script_that_runs_a_second_time_finds_its_cluster(ws, made):
    """The lines with which every sample notebook begins."""
    found = False
    cts = ws.compute_targets
    if "automlcl" in cts and cts["automlcl"].type == "AmlCompute":
        found = True
        compute_target = cts["automlcl"]
    assert found
    assert isinstance(compute_target, AmlCompute)
    assert isinstance(ComputeTarget(workspace=ws, name="automlcl"), AmlCompute)
    with pytest.raises(ComputeTargetException):
        ComputeTarget(workspace=ws, name="nosuch")
    assert {name: target.type for name, target in cts.items()} == {
        "local": "local", "automlcl": "AmlCompute",
    }  # fmt: skip
    assert all(target.provisioning_state == "Succeeded" for target in cts.values())
    assert [target.name for target in ComputeTarget.list(ws)] == ["automlcl"]


def test_state_and_figures(made):
    assert made.provisioning_state == "Succeeded"
    status = made.status.serialize()
    assert (status["currentNodeCount"], status["vmPriority"]) == (0, "LowPriority")
    assert status["scaleSettings"] == {
        "minNodeCount": 0, "maxNodeCount": 6, "nodeIdleTimeBeforeScaleDown": "PT120S",
    }  # fmt: skip
    assert made.get_status().current_node_count == 0
    assert (made.vm_size, made.vm_priority) == ("STANDARD_D2_V2", "lowpriority")
    assert made.scale_settings.maximum_node_count == 6
    made.update(max_nodes=8)
    assert made.scale_settings.maximum_node_count == 8
    values = made.serialize()
    assert values["properties"]["computeType"] == "AmlCompute"
    assert values["properties"]["provisioningState"] == "Succeeded"


def test_a_wait_asks_for_nodes_and_returns_at_its_end(made, head, capsys):
    returned = made.wait_for_completion(
        show_output=True, min_node_count=1, timeout_in_minutes=0.001
    )
    said = capsys.readouterr().out
    assert "Wait timeout has been reached" in said
    assert "no machine is free" in said
    assert returned.current_node_count == 0
    assert len(head.submitted) == len(head.stopped) == 1
    assert "cluster.jobs.wanted_nodes 1 " in head.submitted[0]


def test_a_wait_for_nothing_asks_for_nothing(made, head):
    made.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    assert head.submitted == []
    made.wait_for_completion(is_delete_operation=True)


def test_a_wait_for_more_nodes_than_there_may_be(made, head, capsys):
    made.wait_for_completion(min_node_count=9, timeout_in_minutes=0.001)
    assert "more than max_nodes=6" in capsys.readouterr().out
    assert "wanted_nodes 6 " in head.submitted[0]


def test_a_head_that_is_gone_is_an_error(made, monkeypatch):
    monkeypatch.setattr(Recorded, "problem", lambda self: "the head is gone")
    assert made.provisioning_state == "Failed"
    assert made.provisioning_errors == ("the head is gone",)
    with pytest.raises(ComputeTargetException, match="the head is gone"):
        made.wait_for_completion(min_node_count=1)


def test_service_only_parameters():
    with pytest.warns(UserWarning, match="admin_user_password"):
        config = AmlCompute.provisioning_configuration(
            vm_size="standard_ds12_v2", vm_priority="Dedicated", min_nodes=0, max_nodes=None,
            idle_seconds_before_scaledown="2400", admin_user_password="x", location="eastus",
            remote_login_port_public_access="Enabled", identity_type="SystemAssigned",
        )  # fmt: skip
    assert (config.max_nodes, config.idle_seconds_before_scaledown) == (4, 2400)
    assert config.region is None
    with pytest.raises(ComputeTargetException, match="did you mean"):
        AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V")
    with pytest.raises(ComputeTargetException, match="number of seconds"):
        AmlCompute.provisioning_configuration("STANDARD_D2_V2", idle_seconds_before_scaledown="x")
    assert "STANDARD_D2_V2" in {
        size["name"].upper() for size in AmlCompute.supported_vmsizes(workspace=None)
    }


def test_environments_lose_the_services_packages(made):
    given = made.environment_for({"pip": ["azureml-sdk[automl]", "numpy"]})
    assert given.runtime_env == {}
    assert "azureml-sdk[automl]" in given.notes[0]


def test_a_conda_package_without_conda_is_an_error(made, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ComputeTargetException, match="conda packages gdal"):
        made.environment_for({"conda": {"dependencies": ["gdal", "numpy"]}})


def test_deleting(ws, made):
    made.delete()
    assert names(ws) == []
    assert os.listdir(ws.folder / "compute") in ([], ["automlcl.lock"])


def test_this_machine(ws):
    local = ws.compute_targets["local"]
    assert local.get_status().serialize()["currentNodeCount"] == 1
    assert local.wait_for_completion(show_output=True).provisioning_state == "Succeeded"


def test_the_states_of_nodes():
    from engine.azureml.core.compute import AmlComputeStatus as Status

    status = Status.of(AmlComputeStatus("Succeeded", "Resizing", 1, 3))
    assert status.node_state_counts["preparingNodeCount"] == 2
    assert status.serialize()["scaleSettings"] is None
    assert SimpleNamespace(**status.serialize()).errors is None


def test_a_cluster_for_services_is_made_as_any_other(ws, head):
    config = AksCompute.provisioning_configuration(location="westeurope", ssl_cname="a.example")
    assert (config.max_nodes, config.provider) == (3, "local")
    made = ComputeTarget.create(
        workspace=ws,
        name="services",
        provisioning_configuration=AksCompute.provisioning_configuration(2, "Standard_D2_v2"),
    )
    assert (made.scale_settings.maximum_node_count, made.vm_size) == (2, "STANDARD_D2_V2")
    assert AksCompute(ws, "services").name == "services"
    with pytest.raises(ComputeTargetException, match="agents"):
        AksCompute(ws, "agents")
    with pytest.raises(NotAvailable, match=r"ComputeTarget\.attach"):
        AksCompute.attach_configuration(resource_group="mine", cluster_name="agents")
