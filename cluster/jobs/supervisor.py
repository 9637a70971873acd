"""Run a driver as a process of its own and start it again when it is killed.

A Ray job runs ``python -m cluster.jobs.supervisor MODULE ARGUMENTS...``. A driver that exits by
itself with the code 0, even after a failed run, has written its state to the store and ends the
job. A driver that was killed is started again and goes on from what the store holds, and so is one
that Ray has ended, with the code 1, because it did not reach its cluster. The first start comes
after a second. Each death within a minute of its start doubles the pause, up to a minute.
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
#: The code of a process that Ray's own library ends when the cluster's control service is gone for
#: a minute; also Python's for an error, which comes again: it is tried less often.
_ENDED_BY_RAY = 1
_MOST_ENDED_BY_RAY = 3


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
    code, ended_by_ray, pause = 0, 0, first_pause
    for start in range(_MOST_STARTS):
        began = time.monotonic()
        child = subprocess.Popen(command)
        code = child.wait()
        ended_by_ray += code == _ENDED_BY_RAY
        if code >= 0 and (code != _ENDED_BY_RAY or ended_by_ray >= _MOST_ENDED_BY_RAY):
            return code
        how = f"signal {-code}" if code < 0 else "Ray or by an error"
        print(f"the driver was ended by {how} (start {start + 1})", file=sys.stderr)
        if time.monotonic() - began > longest_pause:
            pause = first_pause
        time.sleep(pause)
        pause = min(2 * pause, longest_pause)
    return 128 - code


if __name__ == "__main__":
    sys.exit(supervise([sys.executable, "-m", *sys.argv[1:]]))
