"""What is left for a person, and what is not."""

from __future__ import annotations

import pytest

from engine.migration.known_names import Answer, ask_tree, old_name
from engine.migration.rewriting import rewrite


def ask(name: str) -> Answer:
    """A small tree: ``azureml.core.{Workspace, Pipeline}``; the second is not available."""
    known = ("azureml", "azureml.core", "azureml.core.Workspace")
    if name in known or name.startswith("azureml.core.Workspace."):
        return Answer(True)
    if name.startswith("azureml.core.Pipeline"):
        return Answer(True, "not available here: submit an AutoMLConfig")
    return Answer(False, f"raysmith has no {name}")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("url = 'https://x.blob.core.windows.net/a/b.csv'  # azureml", "storage"),
        ("url = f'wasbs://{c}@x.blob.core.windows.net/b'  # azureml", "storage"),
        ("from pyspark.sql import SparkSession", "Spark"),
        ("import azureml\nf(spark_context=sc)", "Spark"),
        ("s = {'spark_context': sc}  # azureml", "Spark"),
        ("from azureml.nothing import x", "no azureml.nothing"),
        ("import azureml.nothing as n", "no azureml.nothing"),
        ("from azureml.core import Nothing", "no azureml.core.Nothing"),
        ("import azureml.core\nazureml.nothing.x", "no azureml.nothing"),
        ("azureml.nothing.x", "no azureml.nothing"),
        ("from azureml.core import Pipeline as P\nP(ws)", "submit an AutoMLConfig"),
        ("import azureml.core as c\nc.Pipeline(ws)", "submit an AutoMLConfig"),
        ("import azureml.core\nrun = experiment.start_logging()", "start_logging"),
        ("from sklearn.datasets import load_boston", "load_boston"),
        ("import sklearn.datasets as d\nd.load_boston()", "load_boston"),
        ("from sklearn.externals import six", "sklearn.externals"),
        ("import pandas_ml as p\np.ModelFrame(x)", "pandas_ml"),
        ("import pkg_resources\npkg_resources.resource_filename(a, b)", "pkg_resources"),
        ("import importlib\nimportlib.import_module('azureml.core')", "import by text"),
        ("code = '''\nfrom azureml.core import Workspace\n'''", "text that holds code"),
        ("from numpy import float", "numpy has no float"),
        ("from pandas_ml import ConfusionMatrix\nc = ConfusionMatrix(a, b)\nc.print_stats()",
         "print_stats"),
        ("from pandas_ml import ConfusionMatrix\nConfusionMatrix(a, b).plot(normalized=True)",
         "plot"),
        ("import pandas as pd\npd.read_csv(f, squeeze=True)", "squeeze"),
    ],
)  # fmt: skip
def test_what_a_person_must_look_at(source, said):
    done = rewrite(source, ask=ask)
    assert any(said in what for _, what in done.remarks), done.remarks
    assert any(said in what for _, what in done.remarks_after), done.remarks_after
    again = rewrite(done.text, ask=ask)
    assert again.remarks == done.remarks_after


@pytest.mark.parametrize(
    "source",
    [
        "from azureml.core import Workspace\nWorkspace.from_config()",
        "from azureml.core import Pipeline  # imported, never used",
        "import azureml.core\nws = azureml.core.Workspace.from_config()",
        "url = 'https://example.org/data.csv'  # azureml",
        '"""Reads https://example.org; see\nfrom azureml docs."""',
        "from numpy import array",
        "from pandas_ml import ConfusionMatrix\nc = ConfusionMatrix(a, b)\nc.plot()\nprint(c)",
    ],
)
def test_what_a_person_need_not_look_at(source):
    done = rewrite(source, ask=ask)
    assert (done.remarks, done.remarks_after) == ([], [])


def test_lines_are_those_of_the_old_and_of_the_new_text():
    done = rewrite("import azureml.core\nfrom pyspark import x\n", ask=ask)
    assert [place.line for place, _ in done.remarks] == [2]
    assert [place.line for place, _ in done.remarks_after] == [3]


@pytest.mark.parametrize(
    "name",
    [
        "azureml.core.VERSION",
        "azureml.core.workspace.Workspace",
        "azureml.core.compute.AmlCompute",
        "azureml.core.runconfig.DEFAULT_CPU_IMAGE",
        "azureml.core.conda_dependencies.CondaDependencies",
        "azureml.core.experiment.Experiment",
        "azureml.train.automl.AutoMLConfig",
        "azureml.train.automl.automlexplainer.retrieve_model_explanation",
        "azureml.widgets.RunDetails",
    ],
)
def test_the_tree_has_the_names_of_the_article(name):
    assert ask_tree(name) == Answer(True)


@pytest.mark.parametrize("name", ["azureml.core.NoSuchName", "azureml.no_such.module"])
def test_the_tree_answers_for_unknown_names(name):
    answer = ask_tree(name)
    assert not answer.is_importable
    assert "migrate-from-azure-ml" in answer.way


@pytest.mark.parametrize("name", ["azureml.pipeline.core.Pipeline", "azureml.core.ScriptRunConfig"])
def test_the_tree_names_the_way_instead(name):
    answer = ask_tree(name)
    assert answer.is_importable
    assert answer.way.startswith("not available here: ")


def test_names_of_both_trees_are_told():
    assert old_name("engine.azureml.core.x") == "azureml.core.x"
    assert old_name("engine.client") == ""
