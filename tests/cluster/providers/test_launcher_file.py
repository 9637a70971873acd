"""Cluster launcher files: as they should look, and as Ray's own checks want them."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster import AmlCompute, ComputeTargetException
from cluster.providers.kinds import launcher_file

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "golden"


def render_cluster(name, config):
    return launcher_file(config.provider).render(name, config)


def cluster_config(name, config):
    return launcher_file(config.provider).content(name, config)


CASES = [
    (provider, priority)
    for provider in ("azure", "aws", "gcp", "on_prem")
    for priority in ("dedicated", "lowpriority")
]


def configuration(provider, priority, **changes):
    hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] if provider == "on_prem" else None
    settings = {"vm_size": "STANDARD_D2_V2", "max_nodes": 6} | changes
    if provider == "on_prem":
        settings["max_nodes"] = 2
    return AmlCompute.provisioning_configuration(
        provider=provider, vm_priority=priority, hosts=hosts, **settings
    )


@pytest.mark.parametrize(("provider", "priority"), CASES)
def test_it_is_the_golden_file(provider, priority):
    rendered = render_cluster("automlcl", configuration(provider, priority))
    assert rendered == (GOLDEN / f"{provider}-{priority}.yaml").read_text()


@pytest.mark.parametrize(("provider", "priority"), CASES)
def test_ray_accepts_it(provider, priority):
    config = configuration(provider, priority)
    content = yaml.safe_load(render_cluster("automlcl", config))
    assert content == cluster_config("automlcl", config)
    prepared = prepare_config(content)
    validate_config(prepared)
    assert prepared["max_workers"] == config.max_nodes
    assert prepared["idle_timeout_minutes"] == 2


def test_only_workers_are_spot_machines():
    for provider, path in (
        ("azure", ("azure_arm_parameters", "priority")),
        ("aws", ("InstanceMarketOptions", "MarketType")),
        ("gcp", ("scheduling", "provisioningModel")),
    ):
        content = cluster_config("x", configuration(provider, "lowpriority"))
        types = content["available_node_types"]
        first, second = path
        assert types["worker"]["node_config"][first][second].lower() == "spot"
        assert second not in types["head"]["node_config"].get(first, {})


def test_nothing_but_the_head_itself_reaches_dashboard_and_store():
    for provider, priority in CASES:
        content = cluster_config("x", configuration(provider, priority))
        commands = " ".join(content["head_start_ray_commands"])
        assert "--dashboard-host=127.0.0.1" in commands
        assert "--host 127.0.0.1" in commands
        assert "RAY_AUTH_MODE=token" in commands
        assert "RAY_AUTH_MODE=token" in content["worker_start_ray_commands"][-1]


def test_the_file_at_the_root_is_the_articles_example():
    config = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_D2_V2", max_nodes=6, provider="azure"
    )
    assert (ROOT / "cluster.yaml").read_text() == render_cluster("automlcl", config)


@pytest.mark.parametrize("provider", ["local", "kubernetes"])
def test_the_others_have_no_such_file(provider):
    config = AmlCompute.provisioning_configuration("STANDARD_D2_V2", provider=provider)
    with pytest.raises(ComputeTargetException, match="no cluster launcher file"):
        cluster_config("x", config)


@pytest.mark.parametrize(("provider", "priority"), CASES)
def test_what_is_left_out_is_none_of_rays_own_files(provider, priority):
    """Ray's launcher copies its key and the token to the nodes by the same rules."""
    config = yaml.safe_load((GOLDEN / f"{provider}-{priority}.yaml").read_text())
    own = ["ray_bootstrap_key.pem", "ray_bootstrap_config.yaml", "ray-autoscaler_us.pem", "id_rsa"]
    own += [Path(file).name for pair in config["file_mounts"].items() for file in pair]
    assert ".raysmith-token" in own
    for pattern in config["rsync_exclude"]:
        assert not fnmatch.filter(own, pattern), pattern
