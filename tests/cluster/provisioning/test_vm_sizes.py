"""The table of machines."""

from __future__ import annotations

import pytest

from cluster import ComputeTargetException
from cluster.provisioning.vm_sizes import counterpart, vm_size, vm_sizes


def test_every_size_is_sound():
    sizes = vm_sizes()
    assert len(sizes) > 150
    for size in sizes.values():
        assert size.provider in ("azure", "aws", "gcp")
        assert size.vcpus >= 1
        assert size.memory_gib > 0.5 * size.vcpus
        assert bool(size.gpu) == bool(size.gpus)


@pytest.mark.parametrize("name", ["STANDARD_D2_V2", "Standard_D2_v2", "standard_d2_v2"])
def test_case_does_not_matter(name):
    assert (vm_size(name).vcpus, vm_size(name).memory_gib) == (2, 7.0)


def test_an_unknown_size_names_close_ones_and_the_way_out():
    with pytest.raises(ComputeTargetException, match=r"STANDARD_D2_V3.*resources=") as caught:
        vm_size("STANDARD_D2_V4")
    assert "STANDARD_D2_V2" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "provider", "expected"),
    [
        ("STANDARD_D2_V2", "aws", "m5.large"),
        ("STANDARD_D2_V2", "gcp", "n2-standard-2"),
        ("STANDARD_F4S_V2", "aws", "c5.xlarge"),
        ("STANDARD_NC6S_V3", "aws", "p3.8xlarge"),
        ("m5.large", "azure", "STANDARD_D2S_V3"),
        ("m5.large", "aws", "m5.large"),
        ("m5.large", "local", "m5.large"),
    ],
)
def test_a_counterpart_has_as_much(name, provider, expected):
    assert counterpart(vm_size(name), provider).name == expected


def test_every_size_has_a_counterpart_or_says_why():
    for size in vm_sizes().values():
        for provider in ("azure", "aws", "gcp"):
            fits = [
                other
                for other in vm_sizes().values()
                if other.provider == provider
                and other.vcpus >= size.vcpus
                and other.memory_gib >= 0.9 * size.memory_gib
                and (other.gpus >= size.gpus if size.gpus else not other.gpus)
            ]
            if fits or size.provider == provider:
                assert counterpart(size, provider) in (*fits, size)
            else:
                with pytest.raises(ComputeTargetException, match="no counterpart"):
                    counterpart(size, provider)
