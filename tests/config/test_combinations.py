from __future__ import annotations

import pytest

from engine.config.combinations import RULES, impossible_combinations

ARRAYS = {"task": "classification", "X": [[1]], "y": [0]}
TABLE = {"task": "regression", "training_data": "t.csv", "label_column_name": "t"}
SCRIPT = {"task": "classification", "data_script": "get_data.py"}

CASES = [
    (ARRAYS | {"task": "forecasting"}, "task='forecasting': not available yet"),
    (ARRAYS | {"primary_metric": "recall_score_macro"}, "recorded, but it cannot be primary"),
    (ARRAYS | {"primary_metric": "r2_score"}, "primary_metric='r2_score': not a primary metric of"),
    (TABLE | {"primary_metric": "accuracy"}, "allowed is one of spearman_correlation"),
    (ARRAYS | {"whitelist_models": ["ElasticNet"]}, "whitelist_models: ['ElasticNet'] are no"),
    (TABLE | {"blocked_models": ["KNN", "SGD?"]}, "blocked_models: ['SGD?'] are no regression"),
    (ARRAYS | {"blocked_models": ["KNN"], "blacklist_models": ["KNN"]}, "are two names of one"),
    (ARRAYS | {"preprocess": False, "featurization": "off"}, "preprocess and featurization are"),
    (ARRAYS | {"data_script": "get_data.py", "X": None, "y": None} | TABLE, "one source of data"),
    ({"task": "regression"}, "no data: give data_script"),
    (ARRAYS | {"y": None}, "X needs y"),
    (TABLE | {"label_column_name": None}, "training_data needs label_column_name"),
    (ARRAYS | {"weight_column_name": "w"}, "weight_column_name needs training_data"),
    (ARRAYS | {"sample_weight_valid": [1]}, "sample_weight_valid needs y_valid"),
    (ARRAYS | {"X_valid": [[1]], "model_explainability": False}, "X_valid without y_valid is only"),
    (SCRIPT | {"sample_weight": [1]}, "sample_weight: with data_script, get_data() returns"),
    (TABLE | {"validation_data": "v.csv", "validation_size": 0.2}, "validation_data is the"),
    (ARRAYS | {"cv_splits_indices": [], "n_cross_validations": 3}, "cv_splits_indices are the"),
    (TABLE | {"stack_meta_learner_type": "LogisticRegression"}, "not for regression; allowed is"),
    (TABLE | {"class_weight": "balanced"}, "class_weight: only for task='classification'"),
    (ARRAYS | {"allowed_models": ["KNN"], "blocked_models": {"KNN", "SGD"}}, "['KNN'] are all"),
    (TABLE | {"sample_weight": [1], "X_valid": [[1]], "y_valid": [1]}, "weights are a column"),
    (TABLE | {"validation_data": "v.csv", "cv_splits_indices": []}, "leave out cv_splits_indices"),
    (ARRAYS | {"enable_early_stopping": False, "early_stopping_n_iters": 5}, "without effect"),
    (ARRAYS | {"model_explainability": False, "explain_timeout_minutes": 1}, "without effect"),
    (
        ARRAYS | {"enable_stack_ensemble": False, "stack_meta_learner_kwargs": {}},
        "stack_meta_learner_kwargs: without effect, as enable_stack_ensemble is False",
    ),
    (
        ARRAYS
        | {"enable_stack_ensemble": False, "enable_voting_ensemble": False}
        | {"ensemble_iterations": 9},
        "ensemble_iterations: without effect",
    ),
    (
        ARRAYS | {"iteration_timeout_minutes": 3, "experiment_timeout_minutes": 2},
        "iteration_timeout_minutes=3 is more than experiment_timeout_minutes=2",
    ),
    (
        ARRAYS | {"keep_data": False, "compute_target": "cluster"},
        "keep_data=False: X, y would reach the cluster through the store",
    ),
    (TABLE | {"keep_data": False, "compute_target": "cluster"}, "keep_data=False: training_data"),
    (
        SCRIPT | {"keep_data": False, "compute_target": "cluster", "X_valid": [[1]]},
        "keep_data=False: X_valid",
    ),
]


@pytest.mark.parametrize(("values", "expected"), CASES)
def test_a_contradiction_is_named(values, expected):
    assert expected in "\n".join(impossible_combinations(values))


def test_every_rule_has_a_case():
    given = [{n: v for n, v in values.items() if v is not None} for values, _ in CASES]
    assert [rule.__name__ for rule in RULES if not any(list(rule(one)) for one in given)] == []


@pytest.mark.parametrize(
    "values",
    [
        ARRAYS,
        TABLE,
        SCRIPT,
        ARRAYS | {"X_valid": [[1]], "y_valid": [0], "sample_weight_valid": [1]},
        ARRAYS | {"cv_splits_indices": [([0], [1])], "class_weight": {0: 2.0}},
        TABLE | {"validation_data": "v.csv", "drop_column_names": ["a"]},
        SCRIPT | {"X_valid": [[1]]},
        SCRIPT | {"keep_data": False, "compute_target": "cluster"},
        ARRAYS | {"keep_data": False, "compute_target": "local"},
        ARRAYS | {"compute_target": "cluster"},
        TABLE | {"keep_data": False, "training_data": "s3://b/t.csv", "compute_target": "cluster"},
        SCRIPT | {"iteration_timeout_minutes": 2, "experiment_timeout_minutes": 2},
        ARRAYS | {"allowed_models": ["KNN"], "blocked_models": ["SGD"], "validation_size": 0.5},
        ARRAYS | {"enable_early_stopping": False, "early_stopping_n_iters": 20},
        ARRAYS | {"enable_voting_ensemble": False, "ensemble_iterations": 7},
    ],
)
def test_what_goes_together(values):
    assert impossible_combinations(values) == []


def test_all_contradictions_are_listed_at_once():
    values = TABLE | {"class_weight": "balanced", "positive_label": 1, "y_valid": [0]}
    assert impossible_combinations(values) == [
        "y_valid needs X_valid",
        "class_weight: only for task='classification'",
        "positive_label: only for task='classification'",
    ]
