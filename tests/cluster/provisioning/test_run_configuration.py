"""Run configurations as Ray's runtime environments."""

from __future__ import annotations

import pytest

from cluster import DEFAULT_CPU_IMAGE, ComputeTargetException, CondaDependencies, RunConfiguration
from cluster.provisioning.run_environment import without_satisfied


def test_the_articles_configuration():
    configuration = RunConfiguration(framework="python")
    configuration.environment.docker.enabled = True
    configuration.environment.docker.base_image = DEFAULT_CPU_IMAGE
    configuration.environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["scikit-learn", "scipy", "numpy"]
    )
    assert configuration.to_runtime_env() == {"pip": ["scikit-learn", "scipy", "numpy"]}


def test_everything_it_may_hold():
    configuration = RunConfiguration()
    configuration.environment.environment_variables["A"] = 1
    assert configuration.to_runtime_env() == {"env_vars": {"A": "1"}}
    configuration.environment.docker.enabled = True
    configuration.environment.docker.base_image = "registry/me:1"
    assert configuration.to_runtime_env()["image_uri"] == "registry/me:1"
    dependencies = CondaDependencies.create(pip_packages=["a"], conda_packages=["b"])
    configuration.environment.python.conda_dependencies = dependencies
    with pytest.raises(ComputeTargetException, match="put the packages into the image"):
        configuration.to_runtime_env()
    configuration.environment.docker.enabled = False
    assert configuration.to_runtime_env()["conda"] == {
        "channels": ["conda-forge"], "dependencies": ["b", "pip", {"pip": ["a"]}],
    }  # fmt: skip
    only_pip = CondaDependencies.create(pip_packages=["a"])
    configuration.environment.python.conda_dependencies = only_pip
    configuration.environment.python.installer = "uv"
    assert configuration.to_runtime_env()["uv"] == ["a"]


def test_a_package_is_there_once():
    dependencies = CondaDependencies.create(pip_packages=["numpy==1", "Scikit_Learn"])
    dependencies.add_pip_package("numpy>=2")
    dependencies.add_pip_package("scikit-learn>=1.9")
    dependencies.add_conda_package("gcc")
    assert dependencies.pip_packages == ["numpy>=2", "scikit-learn>=1.9"]
    assert dependencies.conda_packages == ["gcc"]


def test_it_is_saved_and_loaded(tmp_path):
    dependencies = CondaDependencies.create(["numpy>=2"], ["gcc", "python=3.11"])
    dependencies.add_channel("mine")
    path = dependencies.save(tmp_path / "environment.yml")
    again = CondaDependencies.load(path)
    assert again.to_dict() == dependencies.to_dict()
    for content in ("- just\n- a list", "a: [", "7"):
        (tmp_path / "bad.yml").write_text(content)
        with pytest.raises(ComputeTargetException, match="no conda environment file"):
            CondaDependencies.load(tmp_path / "bad.yml")
    with pytest.raises(ComputeTargetException, match="nowhere"):
        CondaDependencies.load(tmp_path / "nowhere.yml")


@pytest.mark.parametrize("wrong", ["numpy", 3, ["; rm -rf /"], [None], [""]])
def test_what_is_no_package(wrong):
    with pytest.raises(ComputeTargetException):
        CondaDependencies.create(pip_packages=wrong)


def test_another_framework():
    with pytest.raises(ComputeTargetException, match="allowed is 'python'"):
        RunConfiguration(framework="R")


def test_what_is_installed_anyway_is_not_asked_for():
    asked = {"pip": ["numpy", "scikit-learn>=1.0", "Pandas"], "env_vars": {"A": "1"}}
    assert without_satisfied(asked) == {"env_vars": {"A": "1"}}
    for missing in ("numpy==0.1", "no-such-package", "ray[default]", "x @ https://example.org/x"):
        env = {"pip": ["numpy", missing]}
        assert without_satisfied(env) == env
    assert without_satisfied({"uv": ["numpy"]}) == {}
    assert without_satisfied({"conda": {"dependencies": []}}) == {"conda": {"dependencies": []}}
