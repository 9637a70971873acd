"""Run a driver as a process of its own and start it again when it is killed.

A Ray job runs ``python -m cluster.jobs.supervisor MODULE ARGUMENTS...``. A driver that exits by
itself, even after a failed run, has written its state to the store and ends the job. A driver that
was killed is started again and goes on from what the store holds. The first start comes after a
second. Each death within a minute of its start doubles the pause, up to a minute.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_MOST_STARTS = 30


def supervise(
    command: Sequence[str],
    first_pause: float = _FIRST_PAUSE_SECONDS,
    longest_pause: float = _LONGEST_PAUSE_SECONDS,
) -> int:
    """Run ``command`` until it exits by itself and return its exit code.

    Parameters
    ----------
    command:
        The program and its arguments.
    first_pause:
        Seconds from a death to the next start.
    longest_pause:
        Seconds that a pause is doubled up to. A driver that lives longer than that before it dies
        is started again after ``first_pause``.
    """
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        if child is not None:
            child.send_signal(number)
            child.wait()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, pass_on)
    code, pause = 0, first_pause
    for start in range(_MOST_STARTS):
        began = time.monotonic()
        child = subprocess.Popen(command)
        code = child.wait()
        if code >= 0:
            return code
        print(f"the driver was ended by signal {-code} (start {start + 1})", file=sys.stderr)
        if time.monotonic() - began > longest_pause:
            pause = first_pause
        time.sleep(pause)
        pause = min(2 * pause, longest_pause)
    return 128 - code


if __name__ == "__main__":
    sys.exit(supervise([sys.executable, "-m", *sys.argv[1:]]))
