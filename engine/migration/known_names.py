"""Which names of the retired service's SDK the tree `engine.azureml` has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

OLD, NEW = "azureml", "engine.azureml"
_PAGE = "docs/how-to/migrate-from-azure-ml.md says what there is"


def is_old(name: str) -> bool:
    """Whether a dotted name belongs to the retired service's SDK.

    Examples
    --------
    >>> is_old("azureml.core"), is_old("azureml"), is_old("azureml_x"), is_old("engine.azureml")
    (True, True, False, False)
    """
    return name == OLD or name.startswith(f"{OLD}.")


@dataclass(frozen=True)
class Answer:
    """What the tree says of a name.

    Attributes
    ----------
    is_importable:
        Whether ``import`` finds it.
    way:
        What to use in its place; empty for a name that works.
    """

    is_importable: bool
    way: str = ""


#: A function that answers for a dotted name that begins with ``azureml``.
Ask = Callable[[str], Answer]


@cache
def ask_tree(name: str) -> Answer:
    """Look a name up in the tree, by importing what it names.

    Examples
    --------
    >>> ask_tree("azureml.core.no_such_module").is_importable
    False
    >>> ask_tree("azureml").way
    ''
    """
    words = name.split(".")
    found: object = import_module(NEW)
    for index, word in enumerate(words[1:], 2):
        if not isinstance(found, ModuleType):
            # Attributes of classes and objects are not looked up: instances may have more.
            break
        child = ".".join([NEW, *words[1:index]])
        try:
            found = import_module(child) if _is_module(child) else getattr(found, word)
        except AttributeError:
            return Answer(False, f"raysmith has no {'.'.join(words[:index])}; {_PAGE}")
        except ImportError as error:
            # A package that is not installed: the name is known, and says what it needs.
            return Answer(True, str(error))
    way = vars(found).get("way") if isinstance(found, type) else None
    return Answer(True, f"not available here: {way}" if isinstance(way, str) and way else "")


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def old_name(name: str) -> str:
    """Return the name in the retired service's SDK; empty for other names.

    Examples
    --------
    >>> old_name("engine.azureml.core"), old_name("azureml.core"), old_name("engine.client")
    ('azureml.core', 'azureml.core', '')
    """
    for root in (NEW, OLD):
        if name == root or name.startswith(f"{root}."):
            return OLD + name[len(root) :]
    return ""
