"""What the interface `Provider` promises, for every provider, without bringing a cluster up."""

from __future__ import annotations

import inspect

import pytest

from cluster import AmlCompute, ComputeTargetException
from cluster.providers.attached import AttachedCluster
from cluster.providers.kinds import KINDS, launcher_file, provider_class
from cluster.providers.launcher import LaunchedCluster
from cluster.providers.provider import Provider

EVERY = [*KINDS.values(), AttachedCluster]
every_provider = pytest.mark.parametrize("kind", EVERY, ids=[kind.__name__ for kind in EVERY])
FACTS = {"cluster_id": "0" * 32, "address": "http://127.0.0.1:1", "gcs": "127.0.0.1:2"}


def configuration(provider, **changes):
    hosts = ["10.0.0.1", "10.0.0.2"] if provider == "on_prem" else None
    return AmlCompute.provisioning_configuration(
        "STANDARD_D2_V2", provider=provider, hosts=hosts, **changes
    )


def test_there_is_a_class_for_each_name_and_one_for_clusters_of_others():
    assert all(configuration(name).provider == name for name in KINDS)
    assert provider_class(None) is AttachedCluster
    assert all(provider_class(name) is kind for name, kind in KINDS.items())


@every_provider
def test_it_implements_the_interface(kind):
    assert issubclass(kind, Provider)
    assert not inspect.isabstract(kind)


@every_provider
def test_ending_what_is_not_there_does_nothing(kind, tmp_path):
    provider = kind(tmp_path, {})
    provider.down()
    provider.down()
    assert list(tmp_path.iterdir()) == []


@every_provider
def test_it_answers_without_a_cluster(kind, tmp_path):
    provider = kind(tmp_path, FACTS)
    assert provider.token_file.parent == tmp_path
    assert isinstance(provider.runs_here(), bool)
    assert provider.target_node_count(3) >= 0
    problem = provider.problem()
    assert problem is None or tmp_path.name in problem
    file = provider.cluster_file
    assert (file is not None) == issubclass(kind, LaunchedCluster)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["kubernetes", None])
def test_those_that_start_nothing_say_so_and_leave_nothing(name, tmp_path):
    provider = provider_class(name)(tmp_path, {})
    with pytest.raises(ComputeTargetException):
        provider.up("mine", configuration("kubernetes"))
    with pytest.raises(ComputeTargetException):
        provider.resize("mine", configuration("kubernetes"))
    assert list(tmp_path.iterdir()) == []


def test_a_local_cluster_that_is_gone_is_a_problem(tmp_path):
    provider = provider_class("local")(tmp_path, FACTS)
    assert "is gone" in provider.problem()
    assert provider.runs_here()


@pytest.mark.parametrize("provider", ["azure", "aws", "gcp", "on_prem"])
def test_hosts_user_and_key_come_from_the_configuration(provider):
    config = configuration(provider, admin_username="me", admin_user_ssh_key="~/.ssh/mine")
    auth = launcher_file(provider).content("x", config)["auth"]
    assert auth["ssh_user"] == "me"
    assert auth["ssh_private_key"] == "~/.ssh/mine"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3"])
def test_an_attached_cluster_is_here_when_its_address_is(host, tmp_path):
    provider = AttachedCluster(tmp_path, {"address": f"http://{host}:8265"})
    assert provider.runs_here() == (host != "10.1.2.3")
    assert provider.address() == f"http://{host}:8265"
