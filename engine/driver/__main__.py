"""A driver on a cluster: what a Ray job runs, ``python -m engine.driver RUN_ID [LAUNCH]``."""

from __future__ import annotations

import os
import sys

from engine.driver.claim import Claim
from engine.driver.driver import Driver
from engine.driver.specification_files import load_specification
from engine.errors import RunException, StoreUnavailable
from engine.store.driver_identity import DriverIdentity
from engine.store.mlflow_store import TRACKING_URI_VARIABLE, RunStore
from engine.store.retrying import NONE, OF_A_DRIVER
from engine.store.spooled_results import write_spooled


def main(run_id: str, launch: str = "") -> int:
    """Drive the run to its end; also one that an earlier driver had begun.

    Parameters
    ----------
    run_id:
        The run.
    launch:
        Token of the client that launched this driver. When another client has launched a driver
        of the run since then, nothing is done. Default: whoever has the run loses it.
    """
    store = RunStore(os.environ[TRACKING_URI_VARIABLE], OF_A_DRIVER)
    write_spooled(store, run_id)
    if store.run(run_id).is_final:
        return 0
    claim = Claim(store, run_id, DriverIdentity.of_this_process(launch))
    driver = Driver(store, run_id, load_specification(store, run_id), claim=claim)
    try:
        driver.claim(launch)
    except RunException as lost:
        print(lost)
        return 0
    driver.run()
    try:
        print(f"run {run_id}: {store.with_patience(NONE).run(run_id).status}")
    except StoreUnavailable as error:
        print(f"run {run_id}: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
