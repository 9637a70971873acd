"""raysmith under load: prints a table of measurements and goals, writes JSON.

``python benchmarks/load [PART ...] [--quick] [--output FILE]``

``runs``: twenty runs at once on one cluster. ``long``: one run of 2,000 iterations and a client
that follows it; ``long-recorded`` replays its trials and needs no Ray. ``pollers``: fifty clients
of one run on a tracking server. ``slow-store``: 200 trials on a store that takes 0.5 s for a call.
``ten-minutes`` and ``hour``: so long at concurrency 2; they run only when they are named.

``--quick`` makes everything small.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

# MLflow's client prints an address for each iteration on a server.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from long_run import drive, follow, hour, long, long_recorded, ten_minutes
from many_runs import runs
from measurement import Row
from pollers import poll, pollers
from slow_store import slow_store

PARTS: Mapping[str, Callable[[bool], list[Row]]] = {
    "runs": runs,
    "long": long,
    "long-recorded": long_recorded,
    "pollers": pollers,
    "slow-store": slow_store,
    "ten-minutes": ten_minutes,
    "hour": hour,
}
_BY_DEFAULT = ["runs", "long", "pollers", "slow-store"]
#: Processes that the parts start.
CHILDREN = {"drive": drive, "follow": follow, "poll": poll}


def measure(part: str, quick: bool) -> list[Row]:
    """Measure a part in a folder of its own, which becomes its workspace."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="raysmith-load-", ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        try:
            return PARTS[part](quick)
        finally:
            os.chdir(before)


def main() -> None:
    description = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="benchmarks/load", description=description)
    parser.add_argument("parts", nargs="*", default=_BY_DEFAULT, help=" ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, some minutes in all")
    parser.add_argument("--output", default="benchmarks/results/load.json")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, *arguments = options.child
        CHILDREN[name](*arguments)
        return
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"{sorted(unknown)}: allowed is {', '.join(PARTS)}")
    output = Path(options.output).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(output.read_text("utf-8"))["parts"] if output.is_file() else {}
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    for part in options.parts:
        print(f"{part:<56}{'measured':>12}{'goal':>16}", flush=True)
        rows = measure(part, options.quick)
        print(*rows, sep="\n", flush=True)
        found[part] = {"quick": options.quick, "rows": [row.as_dict() for row in rows]}
        output.write_text(json.dumps({"machine": machine, "parts": found}, indent=1), "utf-8")
    print(f"written to {output}")


if __name__ == "__main__":
    main()
