"""Environment variables on their way to a job and its workers, past Ray's logs.

Ray writes the ``env_vars`` of a ``runtime_env`` into logs on every node, and passes them on command
lines. So the ``runtime_env`` holds a random key only. A client uploads the values under that key to
Ray's key-value store, over the connection that submits the job. The job runs::

    python -m cluster.jobs.secrets KEY MODULE ARGUMENTS...

which takes the values out of the store, sets those for the driver, and runs ``MODULE``. Values for
workers stay in the store while the job runs: each worker process calls `set_in_worker` before it
does anything else. Whoever can read the store has the cluster's token and could run code anyway.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Environment variable of workers: the key in Ray's store. It is no secret.
KEY_VARIABLE = "RAYSMITH_SECRETS"
_NAMESPACE = b"raysmith"
#: Ray quotes the first 15 bytes of an upload that fails.
_PADDING = b" " * 16
#: Read by the linker, Python, Ray or a numeric library before any code of a job runs.
_AT_START = re.compile(
    r"PYTHON|LD_|RAY_|OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|BLIS_|MALLOC_|CUDA_|NVIDIA_|LC_|"
    r"(PATH|LANG|TZ|HOME|TMPDIR)$"
)
_LOOKS_SECRET = re.compile(r"TOKEN|SECRET|PASS|PWD|KEY|CREDENTIAL|AUTH")


@dataclass(frozen=True)
class JobSecrets:
    """Environment variables of one job.

    Attributes
    ----------
    driver, workers:
        Name -> value, for the driver alone, and for the driver and all workers.
    key:
        Where Ray's store keeps them.
    """

    driver: Mapping[str, str] = field(repr=False)
    workers: Mapping[str, str] = field(repr=False)
    # The name of a package, as Ray's dashboard takes uploads of packages only.
    key: str = field(default_factory=lambda: f"_ray_pkg_{secrets.token_hex(16)}.zip")

    def content(self) -> bytes:
        """Return what is uploaded."""
        return _PADDING + json.dumps([dict(self.driver), dict(self.workers)]).encode()


def split_variables(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Divide variables into those that a process needs at its start, and all others.

    The first are given to Ray openly, as it has no other way for them. A name that looks like a
    secret's is never among them.

    Examples
    --------
    >>> split_variables({"PYTHONPATH": "lib", "DB_PASSWORD": "x", "RAY_AUTH_TOKEN": "y"})
    ({'PYTHONPATH': 'lib'}, {'DB_PASSWORD': 'x', 'RAY_AUTH_TOKEN': 'y'})
    """
    is_open = {
        name: bool(_AT_START.match(name)) and not _LOOKS_SECRET.search(name.upper())
        for name in variables
    }
    return (
        {name: value for name, value in variables.items() if is_open[name]},
        {name: value for name, value in variables.items() if not is_open[name]},
    )


def set_in_worker() -> None:
    """Set the variables of the job that this worker process belongs to.

    Raises
    ------
    RuntimeError
        When Ray's store does not have them: the job has ended.
    """
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    key = os.environ[KEY_VARIABLE]
    content = internal_kv_get_gcs_client().internal_kv_get(key.encode(), _NAMESPACE)
    if content is None:
        raise RuntimeError("the environment variables of this job are gone: the job has ended")
    os.environ.update(json.loads(content))


def run(store: Any, key: str, module: str, arguments: list[str]) -> None:
    """Set the driver's variables, and run a module while workers can get theirs.

    Parameters
    ----------
    store:
        Ray's client of the cluster's key-value store.
    """
    package = f"gcs://{key}".encode()
    content = store.internal_kv_get(package, None)
    if content is None:
        sys.exit("the environment variables of this job have been taken already: submit it again")
    store.internal_kv_del(package, False, None)
    driver, workers = json.loads(content)
    os.environ.update({**workers, **driver})
    store.internal_kv_put(key.encode(), json.dumps(workers).encode(), True, _NAMESPACE)
    try:
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        store.internal_kv_del(key.encode(), False, _NAMESPACE)


def main(key: str, module: str, *arguments: str) -> None:
    """Do so as Ray's job, which has the cluster's address in its environment."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    run(GcsClient(address=os.environ["RAY_ADDRESS"]), key, module, list(arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
