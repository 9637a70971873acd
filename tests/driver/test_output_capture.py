from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
import time

import pytest

from engine.driver.output_capture import capture_output, read_end


def test_python_native_and_children_are_captured(tmp_path, capfd):
    file = tmp_path / "logs" / "a.log"
    libc = ctypes.CDLL(None)
    with capture_output(file):
        print("from python")
        print("an error", file=sys.stderr)
        libc.puts(b"from native code")
        libc.fflush(None)
        subprocess.run(["echo", "from a child"], check=True)
    os.write(1, b"outside\n")
    text = file.read_text()
    # pytest has put its own objects in place of sys.stdout and sys.stderr.
    assert "from native code" in text
    assert "from a child" in text
    assert "outside" not in text
    assert "outside" in capfd.readouterr().out


def test_python_lines_in_a_plain_process(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from engine.driver.output_capture import capture_output\n"
        "with capture_output(Path(sys.argv[1])):\n    print('one'); print('two', file=sys.stderr)\n"
        "print('three')"
    )
    file = tmp_path / "b.log"
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert file.read_text() == "one\ntwo\n"
    assert done.stdout == "three\n"


def test_it_ends_with_an_error_too(tmp_path, capfd):
    try:
        with capture_output(tmp_path / "c.log"):
            raise ValueError
    except ValueError:
        os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"


def test_output_without_end_is_cut_in_the_middle(tmp_path, capfd):
    file = tmp_path / "d.log"
    with capture_output(file, most=10_000):
        os.write(1, b"the beginning\n")
        os.write(1, b"x" * 30_000)
    text = file.read_text()
    assert len(text) < 10_000
    assert text.startswith("the beginning\n")
    assert text.endswith("bytes after this were left out]\n")


def test_what_is_printed_after_the_cut_is_kept(tmp_path, capfd):
    file = tmp_path / "e.log"
    with capture_output(file, most=10_000):
        os.write(1, b"x" * 30_000)
        until = time.monotonic() + 30
        while file.stat().st_size > 10_000:
            assert time.monotonic() < until, "nobody limits the file"
            time.sleep(0.05)
        os.write(1, b"the end\n")
    assert file.read_text().endswith("bytes after this were left out]\nthe end\n")


def test_the_end_of_a_file(tmp_path):
    file = tmp_path / "f.log"
    assert read_end(file, 100) == ""
    file.write_bytes(b"1234567890")
    assert read_end(file, 10) == "1234567890"
    assert read_end(file, 4) == "[6 bytes before this were left out]\n7890"
    file.write_bytes("ä".encode() * 10)
    assert read_end(file, 3).endswith("ä")  # a character that was cut is replaced


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "g.log").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic link"), capture_output(tmp_path / "g.log"):
        os.write(1, b"overwritten")
    assert (tmp_path / "victim").read_text() == "precious"


def test_nobody_else_can_read_the_file(tmp_path, capfd):
    with capture_output(tmp_path / "h.log"):
        os.write(1, b"a secret\n")
    assert stat.S_IMODE((tmp_path / "h.log").stat().st_mode) == 0o600
