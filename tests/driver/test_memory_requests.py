"""How much memory trials ask Ray for."""

from __future__ import annotations

import pytest

from engine.driver.memory_requests import MemoryRequests

MIB = 2**20
NODE = {"CPU": 4.0, "memory": 4096.0 * MIB}


def requests(*nodes, cores=1):
    return MemoryRequests(cores, lambda: nodes or [NODE])


def test_trials_within_their_share_ask_for_nothing():
    asked = requests()
    assert [asked.bytes_for(mb) for mb in (10, 1000, 1024, None)] == [0, 0, 0, 0]


def test_once_one_is_larger_all_ask_in_few_sizes():
    asked = requests()
    assert asked.bytes_for(1025) == 1536 * MIB
    assert {asked.bytes_for(mb) for mb in (1, 100, 511)} == {512 * MIB}
    assert asked.bytes_for(None) == 0


def test_no_more_is_asked_for_than_the_largest_node_has():
    asked = requests(NODE, {"CPU": 4.0, "memory": 8192.0 * MIB})
    assert asked.bytes_for(100_000) == 8192 * MIB
    assert requests().bytes_for(100_000) == 4096 * MIB


@pytest.mark.parametrize("nodes", [[{"CPU": 4.0}], [{"CPU": 4.0, "memory": 0.0}]])
def test_nodes_without_memory_are_asked_for_none(nodes):
    assert requests(*nodes).bytes_for(100_000) == 0
    assert MemoryRequests(1, list).bytes_for(100_000) == 0


def test_a_trial_of_all_cores_has_the_whole_node():
    asked = requests(cores=4)
    assert asked.bytes_for(4000) == 0
    assert asked.bytes_for(5000) == 4096 * MIB


def test_what_is_placed_together_fits_together():
    asked = requests()
    asked.bytes_for(3000)
    expected = [3000, 800, 400, 100, 2000]
    for first in expected:
        for second in expected:
            together = asked.bytes_for(first) + asked.bytes_for(second)
            if together <= NODE["memory"]:
                assert (first + second) * MIB <= NODE["memory"]
