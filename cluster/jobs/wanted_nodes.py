"""Hold a request for workers: ``python -m cluster.jobs.wanted_nodes COUNT SECONDS``.

The request is a placement group with a bundle on each of COUNT nodes, so that it comes on top of
what the cluster's runs ask for. It takes next to nothing of a node, and goes with this process.
"""

from __future__ import annotations

import sys
import time

#: Part of a core on each node: too little to keep a trial out, enough to count as wanted.
_CORES = 0.001
_HEAD = "node:__internal_head__"


def hold(count: int, seconds: float) -> None:
    """Want ``count`` workers beside the head for this long."""
    import ray
    from ray.util.placement_group import placement_group

    ray.init(address="auto", logging_level="error")
    heads = [n for n in ray.nodes() if n["Alive"] and _HEAD in n["Resources"]]
    # A head that has cores takes a bundle, too.
    count += any(head["Resources"].get("CPU", 0) > 0 for head in heads)
    group = placement_group([{"CPU": _CORES}] * count, strategy="STRICT_SPREAD")
    time.sleep(seconds)
    del group


if __name__ == "__main__":
    hold(int(sys.argv[1]), float(sys.argv[2]))
