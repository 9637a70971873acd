"""Scripts as runs of the retired service, which are not available."""

from __future__ import annotations

from engine.azureml.unavailable import SCRIPTS, unavailable

ScriptRunConfig = unavailable("ScriptRunConfig", SCRIPTS)
