"""The table of the module tree of SDK v1: what each module holds, and what is not available."""

from __future__ import annotations

from _ext import sources
from _ext.markdown import codes, table


def render() -> str:
    """A table of the modules that hold something, and one of those that only say the way."""
    held = [[f"`{name}`", codes(names)] for name, names in sources.azureml_names().items() if names]
    ways = [[f"`{name}`", way] for name, way in sources.azureml_unavailable().items()]
    return "\n\n".join(
        [
            "## What the tree holds",
            table(["module", "names"], held),
            "## What is not available",
            table(["module", "instead"], ways),
        ]
    )
