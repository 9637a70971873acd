"""Notebooks: cells are rewritten in place, everything else keeps its bytes."""

from __future__ import annotations

import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.migration.ipython_lines import mask
from engine.migration.known_names import Answer
from engine.migration.notebook_text import NotANotebook, code_cells, replaced
from engine.migration.notebooks import rewrite_cells
from engine.migration.rewriting import Mode, Place


def known(name: str) -> Answer:
    return Answer(True)


def cells(*sources: str) -> list[str]:
    return rewrite_cells(sources, ask=known).cells


def notebook(*sources, indent=1, **more) -> str:
    """A notebook as JSON; a source may be a cell of its own."""
    made = [
        source
        if isinstance(source, dict)
        else {
            "cell_type": "code",
            "execution_count": 7,
            "metadata": {"scrolled": True},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["é 1e-05\n"]}],
            "source": source.splitlines(keepends=True),
        }
        for source in sources
    ]
    content = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 2, **more}
    return json.dumps(content, indent=indent, ensure_ascii=False) + "\n"


def test_names_are_known_across_cells():
    assert cells("import numpy as n", "x = 1", "n.NaN") == ["import numpy as n", "x = 1", "n.nan"]
    assert cells("import azureml.core", "azureml.core.VERSION")[0] == (
        "from engine import azureml\nimport engine.azureml.core"
    )


@pytest.mark.parametrize(
    "lines",
    [
        "%matplotlib inline",
        "!pip install \\\n  azureml-sdk",
        "x = !ls azureml",
        "x = %sql import azureml",
        "azureml.core?",
        "?azureml",
        "%load_ext azureml\n%autoreload 2",
        "if x:\n    %time import azureml.core\n    !rm x",
    ],
)
def test_lines_of_ipython_are_kept(lines):
    assert cells(f"{lines}\nimport numpy as np\nnp.NaN") == [f"{lines}\nimport numpy as np\nnp.nan"]


@pytest.mark.parametrize(
    "cell",
    [
        "%%bash\nimport azureml.core",
        "%%html\n<b>np.float</b>",
        "%%writefile a.txt\nimport azureml.core",
        "%%writefile conda.yml\nname: azureml",
        "%sh\nimport azureml",
        "%matplotlib inline",
        "%%time",
        "",
        "\n\n",
        "# import azureml",
    ],
)
def test_cells_of_other_languages_are_kept(cell):
    assert cells(cell, "import numpy as np") == [cell, "import numpy as np"]


@pytest.mark.parametrize("magic", ["%%time", "%%capture out", "\n\n%%timeit -n 1"])
def test_cell_magics_over_python(magic):
    assert cells(f"{magic}\nimport numpy as np\nnp.NaN") == [f"{magic}\nimport numpy as np\nnp.nan"]


@pytest.mark.parametrize("target", ["score.py", "$folder/get_data.py", "-a 'x y.py'", '"a.py"'])
def test_written_scripts_are_programs_of_their_own(target):
    body = "from sklearn.externals import joblib\nnp.NaN\nimport azureml.train.automl\n"
    done = rewrite_cells(["import numpy as np", f"%%writefile {target}\n{body}"], ask=known)
    assert done.cells[1] == (
        f"%%writefile {target}\nimport joblib\nnp.NaN\n"
        "from engine import azureml\nimport engine.azureml.train.automl\n"
    )
    assert (Place(1, 2), "sklearn.externals.joblib is joblib") in done.edits


def test_an_unchanged_notebook_writes_migrated_scripts():
    done = rewrite_cells(
        ["import azureml.core", "%%writefile s.py\nimport azureml"], Mode.RUN, known
    )
    assert done.cells == ["import azureml.core", "%%writefile s.py\nfrom engine import azureml"]


def test_a_cell_that_is_not_python_is_listed_and_kept():
    done = rewrite_cells(["print 'x'", "import azureml", "  x = 1\ny"], ask=known)
    assert done.cells == ["print 'x'", "from engine import azureml", "  x = 1\ny"]
    assert [place.part for place, _ in done.remarks] == [0, 2]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["%x", "!y \\\n z", "a = 1", "a?", "'%b'", "x = (1\n% 2)", "s = '''\n%c\n'''", "", "é"]
        ),
        max_size=6,
    )
)
def test_masking_and_restoring_is_nothing(lines):
    cell = "\n".join(lines)
    masked = mask(cell)
    assert masked.restored(masked.body) == cell
    assert masked.body.count("\n") == cell.count("\n")


def test_percent_signs_of_python_are_not_ipythons():
    cell = "x = (5\n%3)\ns = '''\n%matplotlib inline\n!ls\n'''\n"
    assert mask(cell).body == cell


@pytest.mark.parametrize("indent", [None, 1, 4, "\t"])
def test_only_changed_sources_change(indent):
    markdown = {"cell_type": "markdown", "metadata": {}, "source": ["import azureml"]}
    raw = {"cell_type": "raw", "metadata": {}, "source": "import azureml"}
    text = notebook("import azureml\nx", markdown, raw, "y", indent=indent, extra=1e-05)
    first, last = code_cells(text)
    assert (first.number, last.number) == (1, 4)
    changed = replaced(text, {first: "from engine import azureml\nx"})
    expected = text.replace('"import azureml\\n"', '"from engine import azureml\\n"', 1)
    assert changed == expected
    assert nbformat.reads(changed, as_version=4).cells[0].outputs[0].text == "é 1e-05\n"


def test_a_source_that_is_one_text_stays_one():
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None,
            "source": "import azureml\n'é'"}  # fmt: skip
    text = notebook(cell)
    (found,) = code_cells(text)
    changed = replaced(text, {found: "from engine import azureml\n'é'"})
    assert json.loads(changed)["cells"][0]["source"] == "from engine import azureml\n'é'"
    assert "é" in changed


def test_an_ascii_file_stays_ascii():
    text = json.dumps(json.loads(notebook("'é'\n1")))
    (found,) = code_cells(text)
    assert replaced(text, {found: "'ü'"}).isascii()


def test_format_3():
    text = json.dumps(
        {
            "metadata": {"name": ""},
            "nbformat": 3,
            "nbformat_minor": 0,
            "worksheets": [
                {
                    "cells": [
                        {"cell_type": "heading", "level": 1, "source": ["x"]},
                        {"cell_type": "code", "language": "python", "input": ["import azureml"],
                         "outputs": [], "collapsed": False},
                        {"cell_type": "code", "language": "ruby", "input": ["import azureml"]},
                    ]
                }
            ],
        }
    )  # fmt: skip
    (found,) = code_cells(text)
    assert (found.number, found.source) == (2, "import azureml")
    assert "from engine import azureml" in replaced(text, {found: "from engine import azureml"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no notebook"),
        ("x = 1", "no notebook"),
        ("[]", "no notebook"),
        ("3", "no notebook"),
        ('{"nbformat": 4, "cells": 3, "metadata": {}}', "no notebook"),
        ('{"nbformat": 4, "cells": [3], "metadata": {}}', "no notebook"),
        ('{"cells": []}', "format 1"),
        ('{"nbformat": 2, "worksheets": []}', "format 2"),
        ('{"nbformat": 9, "cells": []}', "format 9"),
        (notebook("x", metadata={"kernelspec": {"language": "R"}}), "a notebook of R"),
        (notebook("x", metadata={"language_info": {"name": "scala"}}), "a notebook of scala"),
        ("[" * 100_000, "no notebook"),
    ],
    ids=range(12),
)
def test_what_is_no_notebook_of_python_is_refused(text, said):
    with pytest.raises(NotANotebook, match=said):
        code_cells(text)


def test_a_notebook_without_code_has_no_cells():
    assert code_cells('{"nbformat": 4, "nbformat_minor": 0, "cells": [], "metadata": {}}') == []
