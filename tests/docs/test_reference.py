"""The reference pages name what the code has: nothing is missing and nothing is invented."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from _ext import api, azureml_tree, catalogue, command_line, parameters, sources

REFERENCE = sources.DOCS / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands below a heading of the second level, up to the next one."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of the tables of a text, without headings."""
    previous = ""
    for line in text.splitlines():
        is_heading = not previous.startswith("|")
        if line.startswith("|") and not is_heading and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]
        previous = line


def names(text: str) -> list[str]:
    """The names in the first cells of the tables."""
    return [name for row in rows(text) for name in re.findall(r"`([^`]+)`", row[0])]


def test_each_parameter_has_one_meaning():
    described = [name for group in parameters.groups() for name in group.meanings]
    assert sorted(described) == sorted({*sources.config_fields(), *sources.data_parameters()})


def test_types_and_defaults_are_replaced_only_where_there_is_a_meaning():
    for group in parameters.groups():
        assert {*group.types, *group.defaults} <= {*group.meanings}


@pytest.mark.parametrize(
    ("name", "shown"),
    [("iterations", "`100`"), ("ensemble_iterations", "`15`"), ("verbosity", "`logging.INFO`")],
)
def test_defaults_come_from_the_code(name, shown):
    row = next(row for row in rows(parameters.render()) if row[0] == f"`{name}`")
    assert row[2].endswith(f"Default: {shown}.")


def test_types_come_from_the_rules():
    shown = {row[0]: row[1] for row in rows(parameters.render())}
    assert shown["`iterations`"] == "an integer of at least 1"
    assert shown["`n_cross_validations`"] == "an integer of at least 2"


def test_each_metric_has_its_formula_and_direction():
    table = {name: row for row in rows(page("metrics.md")) for name in [row[0].strip("`")]}
    assert {*table} == {*sources.metrics()}
    for name, metric in sources.metrics().items():
        direction, _, formula = table[name][1:]
        assert direction == ("higher" if metric.greater_is_better else "lower"), name
        assert formula, name


def test_metrics_stand_under_their_task_with_its_default():
    for title, task in (("Classification", "classification"), ("Regression", "regression")):
        text = section(page("metrics.md"), title)
        assert {sources.metrics()[name].task for name in names(text)} == {task}
        assert f"The default is `{sources.default_metrics()[task]}`" in text


@pytest.mark.parametrize(
    ("task", "name", "entry"),
    [
        pytest.param(task, name, entry, id=f"{task}-{name}")
        for task, entries in sources.estimators().items()
        for name, entry in entries.items()
    ],
)
def test_each_estimator_has_its_search_space(task, name, entry):
    text = catalogue.render_estimators().split(f"\n({task}-{name})=\n")[1]
    facts, space = re.split(r"\n\(|\n## ", text)[0].split("| searched parameter |")
    assert entry.factory.replace(":", ".") in facts
    assert names(f"| searched parameter |{space}") == list(entry.space)


def test_ranges_are_written_out():
    text = catalogue.render_estimators()
    assert "| `num_leaves` | integer | 4 to 255, logarithmic |" in text
    assert "| `weights` | choice | `'uniform'`, `'distance'` |" in text
    assert "| `subsample` | real | 0.5 to 1 |" in text


def test_each_scaler_is_listed():
    listed = [row[0].strip("`") for row in rows(catalogue.render_scalers())]
    assert listed == list(sources.scalers())


def test_each_command_and_option_is_listed():
    text = command_line.render()
    for parser in command_line.commands(sources.command_parser()):
        part = text.split(f"\n## {parser.prog}\n")[1].split("\n## ")[0]
        for action in parser._actions:
            options = {*action.option_strings} - {"-h", "--help"}
            assert all(f"`{option}" in part for option in options), parser.prog


@pytest.mark.parametrize(
    ("title", "states"),
    [("Runs", sources.run_states()), ("Iterations", sources.iteration_states())],
)
def test_statuses(title, states):
    text = section(page("statuses.md"), title)
    table = {row[0].strip("`"): row[2].strip("`") for row in rows(text)}
    assert table == {state: sources.mlflow_statuses()[state] for state in states}
    final = sources.final_states()[title]
    assert {*list(table)[-len(final) :]} == final


def test_each_file_of_a_run_is_listed():
    listed = names(page("run-files.md"))
    for file in sources.run_files():
        assert any(name.rstrip("/").endswith(file) for name in listed), file


def test_the_tags_are_those_of_the_code():
    listed = {name for name in names(page("mlflow-tags.md")) if name.startswith("raysmith.")}
    groups = tuple(name for name in listed if name.endswith("."))
    assert {tag for tag in sources.tags() if not tag.startswith(groups)} == listed - {*groups}
    for group in groups:
        assert any(tag.startswith(group) for tag in sources.tags()), group


def test_the_environment_variables_are_those_of_the_code():
    listed = {n for n in names(page("environment-variables.md")) if n.startswith("RAYSMITH_")}
    assert listed == sources.environment_variables()


def test_the_exit_codes_are_those_of_the_commands_help():
    codes = sources.command_parser().epilog.split("exit codes: ")[1]
    listed = [row[0] for row in rows(page("exit-codes.md"))]
    assert listed == re.findall(r"\b\d+\b", codes)


def test_the_settings_file_is_one_that_a_run_takes():
    from engine import AutoMLConfig

    block = re.search(r"```yaml\n(.*?)```", page("settings-file.md"), flags=re.DOTALL)
    config = AutoMLConfig(**yaml.safe_load(block[1]))
    assert config.task == "classification"


def test_the_module_tree_names_what_scripts_import():
    names = sources.azureml_names()
    assert {"Workspace", "Experiment", "VERSION", "Dataset"} <= {*names["azureml.core"]}
    assert {"AmlCompute", "ComputeTarget"} <= {*names["azureml.core.compute"]}
    text = azureml_tree.render()
    for module in (*(m for m, offered in names.items() if offered), *sources.azureml_unavailable()):
        assert f"| `{module}` |" in text
    assert all(sources.azureml_unavailable().values())


def test_each_public_name_has_a_page():
    pages = api.render()
    for package in sources.PACKAGES:
        for name in sources.public_names(package):
            assert f":: {package}.{name}\n" in pages[f"{package}.{name}.md"]
            assert f"[`{package}.{name}`]({package}.{name}.md)" in pages["index.md"]


@pytest.mark.parametrize(
    ("name", "directive"),
    [
        ("engine.AutoMLRun", "autoclass"),
        ("engine.DataException", "autoexception"),
        ("engine.explain_model", "autofunction"),
        ("cluster.DEFAULT_CPU_IMAGE", "data"),
    ],
)
def test_a_page_suits_what_the_name_is(name, directive):
    assert f".. {directive}:: {name}" in api.render()[f"{name}.md"]
