"""A finished run that several files look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine import AutoMLConfig, AutoMLRun, Experiment, Workspace
from tests.live.helpers import customers, leaves


@pytest.fixture(scope="session")
def explained_run(
    tmp_path_factory: pytest.TempPathFactory, workspace_template: Path, ray_cluster: None
) -> AutoMLRun:
    """A run of which everything converts to ONNX, explained; its workspace is in its own folder."""
    folder = tmp_path_factory.mktemp("explained")
    shutil.copytree(workspace_template, folder / ".raysmith")
    frame = customers()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = AutoMLConfig(
            task="classification", X=frame, y=leaves(frame), X_valid=frame[:20], iterations=5,
            n_cross_validations=3, enable_onnx_compatible_models=True, random_state=1,
            allowed_models=["LightGBM", "LogisticRegression", "RandomForest", "SVM"],
        )  # fmt: skip
        run = Experiment(Workspace.from_config(), "handover").submit(config)
        assert run.wait_for_completion(timeout_seconds=240) == "Completed"
    return run
