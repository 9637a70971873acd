"""A scoring script behind an endpoint: ``init()`` once, ``run(text)`` for each request."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from engine.data.data_script import load_script
from engine.errors import DataException
from engine.plain_values import plain
from engine.serving.failures import failure
from engine.serving.package import ScriptPackage
from engine.serving.problems import RequestProblem

#: Environment variable of a replica: the folder with the registered models of its script, each in
#: ``name/version``.
MODELS_VARIABLE = "RAYSMITH_ENDPOINT_MODELS"
#: What scripts of the retired service read: the folder of the model, or of all of several.
_MODEL_DIR = "AZUREML_MODEL_DIR"


class ServedScript:
    """A script that scores.

    Parameters
    ----------
    package:
        The script and its files.
    version:
        Number of the endpoint's version that it is.
    folder:
        Where the files are written; nobody else writes there.

    Raises
    ------
    DataException
        When the script cannot be run, or has no ``init`` and ``run``.
    """

    schema = None

    def __init__(self, package: ScriptPackage, version: int, folder: Path) -> None:
        self.version = version
        # One request after the other, as the retired service called scripts.
        self._lock = threading.Lock()
        script = package.write(folder)
        models = folder / "models"
        os.environ[MODELS_VARIABLE] = str(models)
        found = sorted({Path(*Path(name).parts[:2]) for name in package.models})
        os.environ[_MODEL_DIR] = str(models / found[0] if len(found) == 1 else models)
        sys.path.insert(0, str(script.parent))
        os.chdir(script.parent)
        module = load_script(script, f"raysmith_endpoint_script_{version}")
        missing = [name for name in ("init", "run") if not callable(getattr(module, name, None))]
        if missing:
            raise DataException(
                f"the scoring script {package.entry} has no {' and no '.join(missing)}: it must "
                "define init() and run(data)"
            )
        module.init()
        self._run = module.run

    def score(self, body: bytes) -> Any:
        """Return what the script answers, as plain values, or the problem."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return RequestProblem(400, "the body is not UTF-8")
        try:
            with self._lock:
                return plain(self._run(text))
        except Exception:
            return failure("the script")
