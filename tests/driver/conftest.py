"""Fixtures of the driver's tests."""

from __future__ import annotations

import pytest

from engine import Workspace
from tests.driver.in_process_ray import InProcessRay


@pytest.fixture
def workspace(common_workspace: Workspace) -> Workspace:
    """A workspace of the test's own, on the common database; also its working directory."""
    return common_workspace


@pytest.fixture
def in_process_ray(monkeypatch):
    """Ray's functions, replaced by calls in this process."""
    fake = InProcessRay()
    fake.install(monkeypatch)
    return fake
