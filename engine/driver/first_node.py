"""The wait for the first machine of a run, on a cluster that may have shrunk to none."""

from __future__ import annotations

import logging

from engine.driver.clock import Clock
from engine.driver.platform import Platform
from engine.driver.watch import Watch
from engine.errors import RunException

logger = logging.getLogger("raysmith.driver")

_LOOK_SECONDS = 1.0
#: A machine of a cloud takes minutes, and so does its installation.
FIRST_NODE_SECONDS = 25 * 60.0


def first_node(platform: Platform, watch: Watch, clock: Clock) -> int | None:
    """Return the CPU cores of a trial, once a machine for it is there.

    Parameters
    ----------
    platform:
        The machines. They are asked for one while there is none.
    watch:
        Asked meanwhile whether the run has ended.
    clock:
        Measures the wait.

    Returns
    -------
    int or None
        ``None`` when the run was ended meanwhile.

    Raises
    ------
    ConfigException
        When no machine can be large enough.
    RunException
        When no machine has come within 25 minutes.
    """
    began = clock.monotonic()
    is_told = False
    while (cores := platform.trial_cores()) is None:
        if not is_told:
            logger.info("no node has room for a trial; the cluster's autoscaler is asked for one")
            is_told = True
        # Asked again and again: a head that starts anew has forgotten the request.
        platform.ask_for_nodes()
        watch.look()
        if watch.ended_by is not None:
            return None
        if clock.monotonic() - began > FIRST_NODE_SECONDS:
            raise RunException(
                f"no node for a trial came up within {FIRST_NODE_SECONDS / 60:.0f} minutes; "
                "`ray status` on the cluster says what its autoscaler waits for"
            )
        clock.sleep(_LOOK_SECONDS)
    return cores
