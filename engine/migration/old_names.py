"""The names ``azureml.*``, answered by `engine.azureml`, and scripts of today's idioms."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType

from engine.data.data_script import use_script_loader
from engine.migration.known_names import NEW, OLD, is_old

_PACKAGES = ("site-packages", "dist-packages")


def answer_old_names() -> None:
    """Let ``azureml.*`` answer in this process, and run users' scripts with today's idioms.

    It may be called again. Nothing is imported for it: a worker that runs no script of a user
    does without the packages of the extra ``v1``.
    """
    if not any(isinstance(finder, _OldNames) for finder in sys.meta_path):
        sys.meta_path[:0] = [_OldNames(), _ScriptsBeside()]
    use_script_loader(RenewingLoader)


def renew_scripts_in(folder: Path) -> None:
    """Import the modules of a folder with today's idioms; those of installed packages stay."""
    for finder in sys.meta_path:
        if isinstance(finder, _ScriptsBeside):
            finder.folders.add(folder.resolve())


class RenewingLoader(SourceFileLoader):
    """Loads a script whose idioms are those of old pandas, numpy and scikit-learn.

    The file stays as it is, and lines keep their numbers.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the source, past the bytecode of the file as it is."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def source_to_code(  # type: ignore[override]
        self, data: bytes, path: str, *, _optimize: int = -1
    ) -> CodeType:
        """Compile a renewed source."""
        from engine.migration.renewed_code import renewed_code

        return renewed_code(data, path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module; modules beside it are renewed too."""
        renew_scripts_in(Path(self.path).parent)
        super().exec_module(module)


class _OldNames(MetaPathFinder):
    """Finds ``azureml.x`` as the module ``engine.azureml.x``."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if not is_old(fullname):
            return None
        new = NEW + fullname[len(OLD) :]
        if find_spec(new) is None:
            raise ModuleNotFoundError(
                f"raysmith has no {fullname}; docs/how-to/migrate-from-azure-ml.md says what "
                "there is",
                name=fullname,
            )
        return ModuleSpec(fullname, _Alias(new), is_package=True)


class _Alias(Loader):
    """Loads a module that has another name as well."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        __import__(self._name)
        module = sys.modules[self._name]
        # Importing sets the spec of the old name on the module.
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _ScriptsBeside(MetaPathFinder):
    """Finds modules in the folders of users' scripts, to load them with today's idioms."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if not self.folders or is_old(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or not spec.origin:
            return None
        place = Path(spec.origin).resolve()
        is_installed = any(part in _PACKAGES for part in place.parts)
        if is_installed or not any(place.is_relative_to(folder) for folder in self.folders):
            return None
        if fullname.split(".")[0] in ("engine", "cluster"):
            return None
        spec.loader = RenewingLoader(spec.loader.name, spec.loader.path)
        return spec
