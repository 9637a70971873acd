"""What the installed distribution requires."""

from __future__ import annotations

from importlib.metadata import metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, Specifier

EXTRAS = metadata("raysmith").get_all("Provides-Extra") or []
REQUIREMENTS = metadata("raysmith").get_all("Requires-Dist") or []


def of_extra(extra: str) -> set[str]:
    found = [Requirement(text) for text in REQUIREMENTS]
    return {
        requirement.name
        for requirement in found
        if requirement.marker is not None and requirement.marker.evaluate({"extra": extra})
    }


def test_the_extra_of_old_scripts():
    assert {"libcst", "nbformat", "ipython"} <= of_extra("v1")
    assert not {"libcst", "nbformat", "ipython"} & of_extra("boost")


@pytest.mark.parametrize("extra", EXTRAS)
def test_no_pip_takes_the_name_of_an_extra_for_a_version(extra):
    # Such a pip compares what is right of "==" with the names of all other extras, as versions.
    try:
        Specifier(f"=={extra}")
    except InvalidSpecifier:
        return
    written = (f'extra == "{extra}"', f"extra == '{extra}'")
    assert not [text for text in REQUIREMENTS if any(part in text for part in written)]
