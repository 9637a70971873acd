"""Print the lowest versions that pyproject.toml allows, as constraints for pip."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement


def lowest(requirements: list[str]) -> list[str]:
    """Return a pin for each requirement that has a lower bound."""
    pins = []
    for text in requirements:
        requirement = Requirement(text)
        pins += [
            f"{requirement.name}=={bound.version}"
            for bound in requirement.specifier
            if bound.operator == ">="
        ]
    return pins


if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    tried = [*project["dependencies"], *extras["boost"], *extras["onnx"]]
    print("\n".join(lowest(tried)))
