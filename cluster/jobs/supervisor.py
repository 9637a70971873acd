"""Run a driver as a process of its own and start it again when it is killed.

A Ray job runs ``python -m cluster.jobs.supervisor MODULE ARGUMENTS...``. A driver that exits by
itself, even after a failed run, has written its state to the store and ends the job. A driver that
was killed is started again, at most once a minute, and goes on from what the store holds.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

LEAST_SECONDS_BETWEEN_STARTS = 60.0
_MOST_STARTS = 30


def supervise(command: Sequence[str], pause: float = LEAST_SECONDS_BETWEEN_STARTS) -> int:
    """Run ``command`` until it exits by itself and return its exit code.

    Parameters
    ----------
    command:
        The program and its arguments.
    pause:
        Least number of seconds from one start to the next.
    """
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        if child is not None:
            child.send_signal(number)
            child.wait()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, pass_on)
    code = 0
    for start in range(_MOST_STARTS):
        began = time.monotonic()
        child = subprocess.Popen(command)
        code = child.wait()
        if code >= 0:
            return code
        print(f"the driver was ended by signal {-code} (start {start + 1})", file=sys.stderr)
        time.sleep(max(0.0, pause - (time.monotonic() - began)))
    return 128 - code


if __name__ == "__main__":
    sys.exit(supervise([sys.executable, "-m", *sys.argv[1:]]))
