"""One process has one version of the packages, whatever a registered model carries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Put the model's code first on the path, as MLflow does, before or after the first import.
BEGIN = """
import sys
installed, code = sys.argv[1:3]
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
if installed != "none":
    sys.path.insert(0, installed)

def load():
    sys.path = [code] + sys.path
    from engine.deadline import Deadline

def look():
    import cluster, engine, cluster.errors, engine.errors
    places = {m.__file__.rsplit("/", 2)[0] for m in (engine, cluster)}
    places |= {m.__file__.rsplit("/", 2)[0] for m in (cluster.errors, engine.errors)}
    assert len(places) == 1, places
    assert engine.errors.AutoMLError in cluster.ComputeTargetException.__mro__
    assert issubclass(engine.DataException, engine.AutoMLError)
    known = [m for n, m in sys.modules.items() if n.split(".")[0] in ("engine", "cluster")]
    assert {m.__file__.split("/engine/")[0].split("/cluster/")[0] for m in known} == places
    print(*places, engine.__version__)
"""
MODEL_FIRST = BEGIN + "load(); look()"
ENGINE_FIRST = BEGIN + "import engine; load(); look()"
CLUSTER_FIRST = BEGIN + "sys.path = [code] + sys.path; import cluster; look()"


def packages(folder, version):
    """Copies of the packages, of another version."""
    for name in ("engine", "cluster"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "engine" / "_version.py"
    file.write_text(file.read_text().rpartition("__version__")[0] + f'__version__ = "{version}"\n')
    return folder


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """The code in a registered model."""
    model = tmp_path_factory.mktemp("model")
    (model / "MLmodel").write_text("flavors: {}\n")
    return packages(model / "code", "1.2.0")


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    return {v: packages(folder / v, v) for v in ("1.1.9", "1.2.0", "1.10.0rc1")}


def run(script, installed, code):
    command = [sys.executable, "-P", "-c", script, str(installed), str(code)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=code.parent, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    place, version = done.stdout.split()
    return Path(place), version


@pytest.mark.parametrize("version", ["1.2.0", "1.10.0rc1"])
@pytest.mark.parametrize("script", [MODEL_FIRST, ENGINE_FIRST, CLUSTER_FIRST])
def test_an_installed_one_that_is_no_older_is_taken(code, versions, version, script):
    assert run(script, versions[version], code) == (versions[version], version)


@pytest.mark.parametrize("script", [MODEL_FIRST, CLUSTER_FIRST])
def test_the_copy_is_taken_from_an_older_one(code, versions, script):
    assert run(script, versions["1.1.9"], code) == (code, "1.2.0")


def test_what_is_imported_stays(code, versions):
    """An older one too: classes that exist already are of its modules."""
    assert run(ENGINE_FIRST, versions["1.1.9"], code) == (versions["1.1.9"], "1.1.9")


@pytest.mark.parametrize("script", [MODEL_FIRST, CLUSTER_FIRST])
def test_the_copy_is_taken_where_nothing_is_installed(code, script):
    assert run(script, "none", code) == (code, "1.2.0")


def test_a_package_of_others_with_that_name(code, tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('not ours')\n")
    assert run(MODEL_FIRST, tmp_path, code) == (code, "1.2.0")
    (tmp_path / "engine" / "_version.py").write_text('__version__ = "99.0"\n')
    assert run(MODEL_FIRST, tmp_path, code) == (code, "1.2.0")


def test_of_two_models_the_first_one_has_the_code(code, versions, tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    newer = packages(tmp_path / "code", "3.0")
    both = BEGIN + f"load(); code = {str(newer)!r}; load(); look()"
    assert run(both, "none", code) == (code, "1.2.0")
    assert run(both, versions["1.2.0"], code) == (versions["1.2.0"], "1.2.0")
