"""What a replica is given: a model with its training summary, or a scoring script with its files.

A package is a zip file. Its first entry says which of the two it is.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_KIND, _MODEL, _SUMMARY = "kind.json", "model.pkl.zst", "training_summary.json"
_SCRIPT, _FILES = "script/", "models/"


@dataclass(frozen=True)
class ModelPackage:
    """A packed model, and the JSON of the `engine.data.training_summary.TrainingSummary`.

    Examples
    --------
    >>> unpack(ModelPackage(b"model", None).packed())
    ModelPackage(model=b'model', summary=None)
    """

    model: bytes
    summary: str | None

    def packed(self) -> bytes:
        """Return the package as bytes."""
        files = {_MODEL: self.model}
        if self.summary is not None:
            files[_SUMMARY] = self.summary.encode()
        return _zipped({"kind": "model"}, files)


@dataclass(frozen=True)
class ScriptPackage:
    """A scoring script, with ``init()`` and ``run(data)``, and what it reads.

    Attributes
    ----------
    entry:
        Path of the script among ``sources``.
    sources:
        Path -> content of the script and of the files beside it.
    models:
        ``name/version/path`` -> content of the registered models' files.
    """

    entry: str
    sources: Mapping[str, bytes]
    models: Mapping[str, bytes]

    def packed(self) -> bytes:
        """Return the package as bytes."""
        files = {f"{_SCRIPT}{name}": content for name, content in self.sources.items()}
        files |= {f"{_FILES}{name}": content for name, content in self.models.items()}
        return _zipped({"kind": "script", "entry": self.entry}, files)

    def write(self, folder: Path) -> Path:
        """Write all files below ``folder``; return the script's path."""
        for below, files in (("script", self.sources), ("models", self.models)):
            for name, content in files.items():
                path = folder / below / name
                if folder.resolve() not in path.resolve().parents:
                    raise ValueError(f"{name!r} leaves the folder of the endpoint")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return folder / "script" / self.entry


def unpack(content: bytes) -> ModelPackage | ScriptPackage:
    """Return the package that was packed.

    >>> unpack(ScriptPackage("score.py", {"score.py": b""}, {"m/1/model.pkl": b"x"}).packed())
    ScriptPackage(entry='score.py', sources={'score.py': b''}, models={'m/1/model.pkl': b'x'})
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        kind = json.loads(archive.read(_KIND))
        names = archive.namelist()
        if kind["kind"] == "model":
            summary = archive.read(_SUMMARY).decode() if _SUMMARY in names else None
            return ModelPackage(archive.read(_MODEL), summary)
        sources, models = (
            {n.removeprefix(below): archive.read(n) for n in names if n.startswith(below)}
            for below in (_SCRIPT, _FILES)
        )
        return ScriptPackage(kind["entry"], sources, models)


def _zipped(kind: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    # Models are compressed already.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_KIND, json.dumps(kind))
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()
