"""Packages of old run configurations: the service's own, those that raysmith brings, the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cluster.provisioning.run_environment import RunEnvironment, is_satisfied

#: Name in conda -> name in pip, where they differ.
_PIP_NAMES = {
    "fbprophet": "prophet",
    "opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pytorch": "torch",
}
#: Packages that have the same name in pip; what is installed here need not be named.
_IN_PIP = {
    *("azure-storage-blob", "beautifulsoup4", "category-encoders", "cython", "dask", "gensim"),
    *("h5py", "holidays", "imbalanced-learn", "keras", "networkx", "nltk", "numba", "openpyxl"),
    *("pillow", "plotly", "prophet", "pymysql", "pyodbc", "pyyaml", "requests", "seaborn"),
    *("spacy", "sqlalchemy", "statsmodels", "sympy", "tensorflow", "torchvision", "tqdm"),
    *("transformers", "umap-learn", "wheel", "xlrd"),
}
#: What raysmith stands on, where it is not installed as a distribution.
_FOUNDATIONS = ("lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "ray", "scikit-learn", "scipy")
#: Distributions with another name than the package that they hold.
_SAME = {"xgboost-cpu": "xgboost", "mlflow-skinny": "mlflow"}
_CONDA = re.compile(r"^(?:[\w.-]+::)?([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)$")


def without_service_packages(runtime_env: Mapping[str, Any], is_here: bool) -> RunEnvironment:
    """Return an environment without the packages that an old script names for the service only.

    Parameters
    ----------
    runtime_env:
        Ray's ``runtime_env``.
    is_here:
        Whether the nodes run this interpreter. Then packages that raysmith brings are left out,
        too, whatever their pin, and conda packages become pip requirements where pip has them.

    Returns
    -------
    RunEnvironment
        With a note that says what is left out, and why.

    Examples
    --------
    >>> asked = {"conda": {"dependencies": ["numpy", {"pip": ["azureml-sdk[automl]"]}]}}
    >>> without_service_packages(asked, is_here=True).runtime_env
    {}
    """
    result = dict(runtime_env)
    if not isinstance(result.get("conda", {}), Mapping):
        return RunEnvironment(result)  # the name of an environment that the nodes have
    installer = next((name for name in ("uv", "pip") if name in result), "pip")
    pip = [str(package) for package in result.pop(installer, None) or ()]
    conda, pip_of_conda, channels = _of_conda(result.pop("conda", None) or {})
    left_out: list[str] = []
    kept_pip = [p for p in [*pip, *pip_of_conda] if not _is_left_out(p, is_here, left_out)]
    kept_conda = []
    for package in conda:
        requirement = _requirement(package)
        if _is_left_out(requirement or package, is_here, left_out, package):
            continue
        if is_here and requirement is not None and _is_in_pip(requirement):
            kept_pip.append(requirement)
        else:
            kept_conda.append(package)
    if kept_conda:
        packages: list[Any] = [*kept_conda, *(["pip", {"pip": kept_pip}] if kept_pip else [])]
        result["conda"] = {"channels": channels, "dependencies": packages}
    elif kept_pip:
        result[installer] = kept_pip
    notes = (f"left out of the run's packages: {'; '.join(left_out)}",) if left_out else ()
    return RunEnvironment(result, notes)


def _of_conda(conda: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Return conda packages, pip packages and channels of a conda environment."""
    packages, pip = [], []
    for entry in conda.get("dependencies") or ():
        if isinstance(entry, Mapping):
            pip += [str(package) for package in entry.get("pip") or ()]
        elif str(entry) != "pip":
            packages.append(str(entry))
    return packages, pip, list(conda.get("channels") or ())


def _is_left_out(
    requirement: str, is_here: bool, left_out: list[str], shown: str | None = None
) -> bool:
    """Whether a package is left out; adds it with the reason."""
    name = _name(requirement)
    reason = ""
    if name == "azureml" or name.startswith("azureml-"):
        reason = "the retired service's, in whose place raysmith is"
    elif is_here and name == "python":
        reason = "the nodes run this interpreter"
    elif is_here and name in _brought():
        reason = f"raysmith brings {name} {_version(name)}".rstrip()
    elif is_here and name == "xgboost" and shown is not None:
        reason = "raysmith uses xgboost where it is installed"
    elif is_here and is_satisfied(requirement):
        reason = "it is installed"
    if reason:
        left_out.append(f"{shown or requirement} ({reason})")
    return bool(reason)


def _requirement(package: str) -> str | None:
    """Return the pip requirement for a conda package; ``None`` for what is none.

    Examples
    --------
    >>> _requirement("py-xgboost<=0.80"), _requirement("numpy=1.16"), _requirement("pytorch")
    ('xgboost<=0.80', 'numpy==1.16.*', 'torch')
    """
    match = _CONDA.match(package.strip())
    if match is None:
        return None
    name, pin = match.groups()
    pin = pin.strip().replace(" ", "")
    single = re.fullmatch(r"=([\w.*]+)(=.*)?", pin)
    if single is not None:
        pin = f"=={single[1].rstrip('.*')}.*"
    text = f"{_PIP_NAMES.get(name.lower(), name)}{pin}"
    try:
        Requirement(text)
    except InvalidRequirement:
        return None
    return text


def _is_in_pip(requirement: str) -> bool:
    name = _name(requirement)
    return name in _IN_PIP or name in _PIP_NAMES.values() or bool(_version(name))


def _name(requirement: str) -> str:
    match = _CONDA.match(requirement.strip())
    return canonicalize_name(match[1]) if match else requirement


def _version(name: str) -> str:
    names = [name, *(other for other, same in _SAME.items() if same == name)]
    for candidate in names:
        try:
            return distribution(candidate).version
        except PackageNotFoundError:
            continue
    return ""


@cache
def _brought() -> frozenset[str]:
    """Return the names of the installed packages that raysmith stands on, and theirs."""
    found: set[str] = set()
    waiting = ["raysmith", *_FOUNDATIONS]
    while waiting:
        name = waiting.pop()
        if name in found or not _version(name):
            continue
        found.add(name)
        waiting += _needed_by(name)
    return frozenset({_SAME.get(name, name) for name in found} | found)


def _needed_by(name: str) -> Iterator[str]:
    try:
        needed = distribution(name).requires or ()
    except PackageNotFoundError:
        return
    for text in needed:
        requirement = Requirement(text)
        # raysmith's own extras count where they are installed; those of others do not.
        is_asked = name == "raysmith" or requirement.marker is None
        if is_asked or requirement.marker.evaluate({"extra": ""}):  # type: ignore[union-attr]
            yield canonicalize_name(requirement.name)
