from __future__ import annotations

import ctypes
import os
import subprocess
import sys

from engine.driver.output_capture import capture_output


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
