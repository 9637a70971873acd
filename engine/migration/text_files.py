"""Files of text: read with their encoding, and written back with a copy of the old."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import stat
import tempfile
import tokenize
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AutoMLError


class UnreadableFile(AutoMLError, ValueError):
    """A file that is missing, no text, or may not be written; says what to do."""


@dataclass(frozen=True)
class TextFile:
    """The text of a file, and how to write it back.

    Attributes
    ----------
    path:
        As the user named it; a link is followed when the file is written.
    text:
        Its text, without a byte order mark; newlines are as in the file.
    encoding:
        Of Python source: what its first lines say; of notebooks UTF-8.
    mark:
        The byte order mark; empty when there is none.
    """

    path: Path
    text: str
    encoding: str
    mark: bytes = b""

    def encoded(self, text: str) -> bytes:
        """Return what the file holds with another text.

        Raises
        ------
        UnreadableFile
            When the encoding cannot express the text.
        """
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise UnreadableFile(f"cannot be written as {self.encoding}: {error}") from None

    def write(self, text: str) -> Path:
        """Write another text; the old one stays in the file that is returned.

        The backup is ``FILE.bak``, or ``FILE.bak2`` and so on when there is one. The file is
        replaced at once: whoever reads it sees the old or the new text.

        Raises
        ------
        UnreadableFile
            When the file is read-only, or not the one that was read.
        """
        place = self.path.resolve()
        content = self.encoded(text)
        mode = stat.S_IMODE(place.stat().st_mode)
        if not mode & 0o222 or not os.access(place, os.W_OK):
            raise UnreadableFile("is read-only; allow writing (chmod u+w) and migrate it again")
        if place.read_bytes() != self.encoded(self.text):
            raise UnreadableFile("has changed meanwhile; migrate it again")
        backup = _free_name(self.path)
        shutil.copy2(place, backup)
        handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(name, mode)
            os.replace(name, place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return backup


def read_text(path: Path) -> TextFile:
    """Read a script or a notebook.

    Raises
    ------
    UnreadableFile
        When it is missing, a folder, or not text in its encoding.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.py")
    ...     _ = file.write_bytes(b"# coding: latin-1\\r\\nx = '\\xe9'")
    ...     read_text(file).text
    "# coding: latin-1\\r\\nx = 'é'"
    """
    if path.is_dir():
        raise UnreadableFile(f"is a folder; name its files, for example {path}/*.py")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFile("there is no such file") from None
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}") from None
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    content = content[len(mark) :]
    encoding = "utf-8" if mark or path.suffix != ".py" else _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"is not {encoding}: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from None
    if text.encode(encoding) != content:
        raise UnreadableFile(f"cannot be written back as {encoding}; save it as UTF-8")
    return TextFile(path, text, encoding, mark)


def _encoding(content: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError as error:
        if "unknown encoding" in str(error):
            raise UnreadableFile(f"{error}; save it as UTF-8") from None
        raise UnreadableFile("is not utf-8 and names no other encoding; save it as UTF-8") from None


def _free_name(path: Path) -> Path:
    """Return ``FILE.bak``, or the first numbered name that no file has."""
    number, name = 1, path.with_name(f"{path.name}.bak")
    while name.exists() or name.is_symlink():
        number += 1
        name = path.with_name(f"{path.name}.bak{number}")
    return name
