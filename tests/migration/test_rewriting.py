"""Imports and idioms: what is rewritten, and what stays byte for byte."""

from __future__ import annotations

import ast
import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.migration import numpy_names
from engine.migration.code import NotPython
from engine.migration.known_names import Answer
from engine.migration.rewriting import Mode, Place, rewrite, rewrite_parts
from tests.migration.sources import IDIOMS, IMPORTS, UNTOUCHED


def known(name: str) -> Answer:
    return Answer(True)


def migrated(source: str) -> str:
    return rewrite(source, ask=known).text


@pytest.mark.parametrize(("source", "expected"), [*IMPORTS.values(), *IDIOMS.values()],
                         ids=[*IMPORTS, *IDIOMS])  # fmt: skip
def test_a_source_is_rewritten_once(source, expected):
    assert migrated(source) == expected
    assert migrated(expected) == expected


@pytest.mark.parametrize("source", UNTOUCHED.values(), ids=UNTOUCHED)
@pytest.mark.parametrize("mode", Mode)
def test_what_is_not_meant_stays(source, mode):
    done = rewrite(source, mode, known)
    assert done.text == source
    assert not done.edits
    assert not done.prelude


@pytest.mark.parametrize(("source", "expected"), IDIOMS.values(), ids=IDIOMS)
def test_unchanged_scripts_keep_their_lines(source, expected):
    """Idioms are renewed in place, imports of azureml are left, and names that are needed come
    before the script."""
    done = rewrite(source, Mode.RUN, known)
    lines, before = done.text.splitlines(), source.splitlines()
    assert len(lines) >= len(before) - 1
    for number, line in enumerate(before):
        if "azureml" in line and line.startswith(("import", "from")):
            assert lines[number] == line
    statements = {one.lineno for one in ast.parse(done.text).body}
    assert statements <= {one.lineno for one in ast.parse(source).body}
    if "StringIO" in expected and "io." not in expected:
        assert done.prelude == ["from io import StringIO"]


@pytest.mark.parametrize("source", IDIOMS.values(), ids=IDIOMS)
def test_notebooks_are_rewritten_as_scripts_are(source):
    """Each statement in a cell of its own: names are known across cells."""
    text, expected = source
    lines = text.splitlines(keepends=True)
    starts = [one.lineno - 1 for one in ast.parse(text).body] + [len(lines)]
    cells = ["".join(lines[a:b]) for a, b in pairwise(starts)]
    done = rewrite_parts(cells, ask=known)
    assert ast.dump(ast.parse("".join(done.parts))) == ast.dump(ast.parse(expected))


def test_places_are_those_of_the_old_text():
    done = rewrite("import azureml.core\n\nimport numpy as np\nx = np.NaN\n", ask=known)
    assert [place for place, _ in done.edits] == [Place(0, 1), Place(0, 4)]


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("print 'x'\n", 1, "Python 2"),
        ("import azureml\ndef f(:\n    pass\n", 2, "line 2"),
        ("import azureml\nif x:\n\ty\n        z\n", None, "tab"),
        ("import azureml\n\0", None, "not Python 3"),
        ("import azureml\nexec 'x'\n", 2, "Python 2"),
    ],
)
def test_what_is_not_python_3_is_refused(source, line, said):
    if "azureml" not in source:
        source = f"{source}# azureml"
    with pytest.raises(NotPython) as refused:
        rewrite(source, ask=known)
    assert said in str(refused.value) or "Missing parentheses" in str(refused.value)
    if line is not None:
        assert refused.value.line == line


def test_expressions_as_deep_as_python_takes_them():
    deep = "import numpy as np\nx = " + "(" * 80 + "np.NaN" + ")" * 80 + "\n"
    assert "np.nan" in migrated(deep)
    hopeless = "import azureml\nx = " + "-" * 100_000 + "1\n"
    with pytest.raises(NotPython):
        migrated(hopeless)


def test_a_large_source():
    source = "import numpy as np\n" + "x = np.NaN  # é\n" * 300
    assert migrated(source) == "import numpy as np\n" + "x = np.nan  # é\n" * 300


def test_numpy_has_the_new_names_and_not_the_old():
    for old, new in numpy_names.RENAMED.items():
        assert old not in vars(np), old
        assert hasattr(np, new), new
    for old, new in numpy_names.SCALARS.items():
        assert old not in vars(np), old
        assert hasattr(np, new), new


_OTHER_CODE = st.sampled_from(
    [
        "x = 1", "def f(a, *, b=2):\n    return a\n", "for i in range(3):\n\tprint(i)\n",
        "class A:\n    '''doc'''\n    b: int = 3  # c\n", "import os, sys", "  ", "#", "",
        "import pandas as pd\ndf.drop(columns='y')", "s = r'\\d' f'{x!r:>{w}}'",
        "async def g():\n    await h()\n", "x = [\n  1,\n\n  # two\n  2\n]",
        "from numpy import nan", "if (n := 3) > 2: pass", "match x:\n    case [1, *_]: pass\n",
        "@d\ndef e(): ...", "x = '''\nimport numpy\n'''", "try:\n    pass\nexcept* E:\n    pass\n",
    ]
)  # fmt: skip
_NEWLINE = st.sampled_from(["\n", "\r\n"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_OTHER_CODE, max_size=8), _NEWLINE, st.booleans())
def test_code_without_v1_is_unchanged_byte_for_byte(parts, newline, ends):
    source = "\n".join(parts).replace("\n", newline) + (newline if ends else "")
    try:
        done = rewrite(source, ask=known)
    except NotPython:
        with pytest.raises(SyntaxError):
            compile(source, "x", "exec")
        return
    assert done.text == source
    assert not done.edits


_OLD_CODE = st.sampled_from([source for source, _ in (*IMPORTS.values(), *IDIOMS.values())])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(_OLD_CODE, _OTHER_CODE), min_size=1, max_size=5), st.sampled_from(Mode))
def test_a_second_run_changes_nothing(parts, mode):
    source = "\n".join(part.replace("\r\n", "\n") for part in parts)
    try:
        done = rewrite(source, mode, known)
    except NotPython:
        return
    ast.parse(done.text)
    assert rewrite(done.text, mode, known).text == done.text


def test_the_article_keeps_its_body():
    """Only the import lines of the article change."""
    body = (
        "run_config.environment.docker.base_image = azureml.core.runconfig.DEFAULT_CPU_IMAGE\n"
        'dependencies = CondaDependencies.create(pip_packages=["scikit-learn", "scipy", "numpy"])\n'
    )
    source = f"from azureml.core.conda_dependencies import CondaDependencies\n{body}"
    assert migrated(source).endswith(body)


_RUNNING = [
    "import pandas as pd\npd.set_option('display.max_colwidth', -1)",
    "import pandas as pd\nframe = pd.DataFrame({'b': [1], 'a': [2]})\n"
    "assert list(frame.sort_index(1)) == ['a', 'b']",
    "import pandas as pd\nframe = pd.DataFrame({'b': [1], 'a': [2]})\n"
    "assert list(frame.drop('b', 1)) == ['a']",
    "import numpy as np\nassert np.float('1') == 1 and np.isnan(np.NaN) and np.NINF < 0",
    "import pandas as pd, json\nassert pd.read_json(json.dumps({'a': [1]})).shape == (1, 1)",
    "import matplotlib.pyplot as plt\nplt.scatter([1], [1], color='')\nplt.close('all')",
    "from sklearn.externals import joblib\njoblib.dump",
    "import matplotlib.pyplot as plt\nfrom pandas_ml import ConfusionMatrix\n"
    "ConfusionMatrix([0, 1], [1, 0]).plot()\nplt.close('all')",
    "from sklearn.metrics import mean_squared_error as m\n"
    "assert m([0, 0], [2, 2], squared=False) == 2",
]


@pytest.mark.parametrize("source", _RUNNING)
def test_renewed_idioms_run(source):
    """Today's libraries refuse the old line and take the new one."""
    matplotlib.use("Agg")
    with pytest.raises(Exception):  # noqa: B017, PT011
        exec(compile(source, "old", "exec"), {})
    exec(compile(migrated(source), "new", "exec"), {})


def test_nothing_is_imported_for_a_source_without_old_names():
    check = (
        "import sys\nfrom engine.migration.renewed_code import renewed_code\n"
        "renewed_code(b'x = 1', 'x.py')\nassert 'libcst' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
