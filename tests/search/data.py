"""Data that searchers are tested with."""

from __future__ import annotations

from engine.data.dataset import DataSummary

DATA = DataSummary("classification", 500, 10, False, False, (250, 250), "split", "f")
