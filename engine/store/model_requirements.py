"""The packages that a fitted pipeline needs, found in the pipeline itself."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

import cloudpickle

#: What every pipeline needs: the code of raysmith that a model runs imports these.
_ALWAYS: Mapping[str, str] = {
    "sklearn": "scikit-learn",
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "cloudpickle": "cloudpickle",
}
#: Packages whose code is in the model, and those that come with the ones above.
_NOT_NAMED = {"engine", "cluster", "__main__", "joblib", "dateutil", "pytz", "threadpoolctl"}


class _Packages(cloudpickle.Pickler):
    """Notes the package of each class and function that a pickle names."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self.found: dict[str, None] = {}

    def reducer_override(self, obj: Any) -> Any:
        named = obj if isinstance(obj, type) or callable(obj) else type(obj)
        for thing in (named, type(obj)):
            module = getattr(thing, "__module__", None)
            if isinstance(module, str):
                self.found[module.partition(".")[0]] = None
        return super().reducer_override(obj)


def model_requirements(model: Any) -> list[str]:
    """Return the packages that a pipeline needs to predict, as requirements for pip.

    Each is pinned to the version that is installed here. raysmith is not among them, as a
    registered model holds its code.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> [r.partition("==")[0] for r in model_requirements(make_pipeline(DummyClassifier()))]
    ['scikit-learn', 'numpy', 'scipy', 'pandas', 'cloudpickle']
    """
    packages = _Packages()
    packages.dump(model)
    named = [name for name in packages.found if _is_foreign(name)]
    distributions = (*_ALWAYS.values(), *map(_distribution_of, named))
    return [pinned(distribution) for distribution in dict.fromkeys(distributions)]


def pinned(distribution: str) -> str:
    """Return a requirement of the installed version, without its local part such as ``+cpu``.

    Examples
    --------
    >>> pinned("no such package")
    'no such package'
    """
    try:
        return f"{distribution}=={version(distribution).partition('+')[0]}"
    except PackageNotFoundError:
        return distribution


def _is_foreign(name: str) -> bool:
    return not (
        name in _ALWAYS
        or name in _NOT_NAMED
        or name in sys.stdlib_module_names
        # Extension modules of a package may name themselves without it.
        or name.startswith("_")
    )


@cache
def _distribution_of(package: str) -> str:
    """Return the distribution that a top-level package comes from."""
    try:
        version(package)
        return package
    except PackageNotFoundError:
        return next(iter(packages_distributions().get(package, ())), package)
