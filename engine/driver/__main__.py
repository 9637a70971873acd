"""A driver on a cluster: what a Ray job runs, ``python -m engine.driver RUN_ID``."""

from __future__ import annotations

import os
import sys
import traceback

from engine.driver.driver import Driver
from engine.driver.specification_files import load_specification
from engine.store.mlflow_store import TRACKING_URI_VARIABLE, RunStore
from engine.store.redaction import Redaction, password_of


def main(run_id: str) -> int:
    """Drive the run to its end; also one that an earlier driver had begun."""
    store = RunStore(os.environ[TRACKING_URI_VARIABLE])
    if store.run(run_id).is_final:
        return 0
    given = load_specification(store, run_id)
    store.redact.add(os.environ.get(name, "") for name in given.settings.variable_names)
    driver = Driver(store, run_id, given)
    driver.claim()
    driver.run()
    print(f"run {run_id}: {store.run(run_id).status}")
    return 0


def quietly(run_id: str) -> int:
    """Do so; an error on the way, which Ray logs, has no secrets in it."""
    try:
        return main(run_id)
    except Exception as error:
        redact = Redaction([password_of(os.environ.get(TRACKING_URI_VARIABLE, ""))])
        print(redact("".join(traceback.format_exception(error))), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(quietly(sys.argv[1]))
