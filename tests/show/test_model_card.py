"""The card of a registered model."""

from __future__ import annotations

import json

import pytest

from engine.show.model_card import model_card
from engine.show.view import DATA_FILE
from tests.client.recorded import BEST, DATA, keep_explanation, record_run

pytestmark = pytest.mark.usefixtures("store_in_memory")


def card_of(run, iteration=BEST, **changes):
    record = run.store.iterations(run.id)[iteration]
    return model_card(run.view(), record, **{"name": "churn", **changes})


def test_the_card_of_a_model(run):
    card = card_of(run, description=" Who leaves. ")
    lines = card.splitlines()
    assert lines[:5] == ["# churn", "", "Who leaves.", "", "## Model"]
    headings = [line for line in lines if line.startswith("#")]
    assert headings == [
        "# churn", "## Model", "### Parameters", "## Data", "## Quality", "## Use"
    ]  # fmt: skip
    assert "- Pipeline: `PCA DecisionTree`, a fitted scikit-learn pipeline" in card
    assert f"iteration {BEST} of run `a run` (`{run.id}`) in experiment `recorded`" in card
    assert f"- Run: {run.get_portal_url()}\n" in card
    assert "| `max_depth` | `3` |\n| `share` | `0.5` |\n" in card
    assert "60 rows, 3 columns.\n\nRows of each class: `yes`: 30, `no\\|'`: 30.\n" in card
    assert "| `a` | numeric | 25.0% | 60 |\n\nAnd 2 more.\n" in card
    assert "(mean over 3 folds of a cross validation); the run looked for the best accuracy" in card
    assert "| **accuracy** | 0.9 | higher |\n| log_loss | 0.45 | lower |\n" in card
    assert 'mlflow.sklearn.load_model("models:/churn/<version>")' in card
    assert "\n\n\n" not in card


def test_a_card_without_a_description(run):
    assert card_of(run, name="two\nlines").startswith("# two lines\n\n## Model\n")


@pytest.mark.parametrize(
    ("data", "validation", "text"),
    [
        ({**DATA, "n_validation_rows": 40}, None, "(40 rows of validation data)"),
        (DATA, 0.2, "(mean over 3 random splits)"),
    ],
)
def test_how_a_model_was_validated(experiment, data, validation, text):
    run = record_run(experiment)
    run.store.write_text(run.id, DATA_FILE, json.dumps(data))
    spec = run.store.load_spec(run.id)
    spec["settings"]["validation_size"] = validation
    run.store.save_spec(run.id, spec)
    assert text in card_of(run)


def test_a_card_of_little(experiment):
    run = record_run(experiment)
    run.store.write_text(run.id, DATA_FILE, "")
    card = card_of(run, iteration=1)
    assert "## Data\n\nNot known.\n" in card
    assert "(a part held out)" in card


def test_the_columns_that_an_explained_model_looks_at(experiment):
    run = record_run(experiment)
    keep_explanation(run, BEST)
    expected = (
        "## What it looks at\n\n"
        "Mean absolute SHAP value of the raw columns over 2 rows (X_valid).\n\n"
        "| Column | Importance |\n| --- | --- |\n| `b` | 0.5 |\n| `a` | 0.125 |\n\n## Use\n"
    )
    assert expected in card_of(run)
