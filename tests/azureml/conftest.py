"""A workspace of the tree, without MLflow."""

from __future__ import annotations

import pytest

from engine.azureml.core import Workspace


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Workspace.from_config()
