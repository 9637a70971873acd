from __future__ import annotations

import pytest

from engine.serving.package import ModelPackage, ScriptPackage, unpack


@pytest.mark.parametrize("summary", [None, '{"ü": 1}'])
def test_a_model_comes_out_as_it_went_in(summary):
    package = ModelPackage(b"\x00model" * 100, summary)
    assert unpack(package.packed()) == package


def test_a_script_is_written_with_its_models(tmp_path):
    package = ScriptPackage("a/score.py", {"a/score.py": b"x", "b.py": b"y"}, {"m/1/f": b"z"})
    again = unpack(package.packed())
    assert again == package
    assert again.write(tmp_path).read_bytes() == b"x"
    assert (tmp_path / "models" / "m" / "1" / "f").read_bytes() == b"z"


@pytest.mark.parametrize("name", ["../../evil", "/evil"])
def test_a_file_stays_in_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="leaves the folder"):
        ScriptPackage("score.py", {name: b""}, {}).write(tmp_path / "here")
    assert not (tmp_path / "evil").exists()
