"""Bring what a registered model requires into uv's cache, from where tests take it offline.

Run by `make` when the environment of the tests is made: ``python -m tests.store.fill_uv_cache``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.store.mlflow_model import write_mlflow_model
from tests.store.handed_over import NUMBERS, fitted


def main() -> None:
    """Have MLflow build the environment of a model once, and throw it away."""
    here = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        model, summary = fitted(NUMBERS, featurize=False)
        write_mlflow_model(model, Path(folder) / "model", summary, with_code=True)
        command = ["mlflow", "models", "prepare-env", "--env-manager", "uv"]
        subprocess.run(
            [*command, "--model-uri", f"{folder}/model"],
            env=os.environ
            | {
                "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
                "MLFLOW_ENV_ROOT": f"{folder}/environments",
            },
            check=True,
        )


if __name__ == "__main__":
    main()
