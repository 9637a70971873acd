from __future__ import annotations

import math

import pytest

from engine.errors import ConfigException
from engine.serving.job import outcome_of, packaged, read_package
from engine.serving.settings import EndpointSettings, check_endpoint_name


@pytest.mark.parametrize(
    "values",
    [
        {"num_replicas": 0}, {"num_replicas": True}, {"num_replicas": 1.5}, {"num_replicas": "1"},
        {"max_batch_size": 0}, {"cores_per_replica": 0}, {"cores_per_replica": -1},
        {"cores_per_replica": math.nan}, {"cores_per_replica": "1"}, {"batch_wait_ms": -1},
        {"batch_wait_ms": 1e9}, {"min_replicas": 1}, {"min_replicas": 3, "max_replicas": 2},
        {"max_replicas": 0},
    ],
)  # fmt: skip
def test_values_that_are_not_allowed(values):
    with pytest.raises(ConfigException, match=next(iter(values))):
        EndpointSettings(**values)


def test_settings_survive_their_record():
    settings = EndpointSettings(min_replicas=1, max_replicas=3, cores_per_replica=0.5)
    assert EndpointSettings.from_dict(settings.to_dict()) == settings
    assert EndpointSettings.from_dict({**settings.to_dict(), "of_later": 1}) == settings


def test_what_must_have_room_at_the_start():
    assert EndpointSettings(num_replicas=3).replicas_at_start == 3
    assert EndpointSettings(max_replicas=3).replicas_at_start == 1
    assert EndpointSettings(min_replicas=2, max_replicas=3).replicas_at_start == 2


def test_batches_can_fill():
    for size in (1, 32, 500):
        assert EndpointSettings(max_batch_size=size).most_waiting >= 2 * size


@pytest.mark.parametrize("name", ["", "-a", "a-", "a/b", "a b", "a.b", "ü", "a" * 64, None, 7])
def test_names_that_are_not_allowed(name):
    with pytest.raises(ConfigException, match="name="):
        check_endpoint_name(name)


@pytest.mark.parametrize("name", ["a", "A-1", "a" * 63])
def test_names_that_are_allowed(name):
    assert check_endpoint_name(name) == name


@pytest.mark.parametrize("packed", [b"", b"\n\n\x00model", b"{}"])
def test_a_package_comes_out_as_it_went_in(packed):
    request = {"action": "deploy", "name": "a\nb"}
    assert read_package(packaged(request, packed)) == (request, packed)


def test_the_outcome_is_the_last_that_was_printed():
    assert outcome_of("nothing") is None
    logs = 'raysmith-endpoint {"port": 1}\nnoise\nraysmith-endpoint {"error": "no room"}\nnoise'
    assert outcome_of(logs) == {"error": "no room"}
