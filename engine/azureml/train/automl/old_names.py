"""Words of SDK v1: parameters by their order, older names, words without a meaning here."""

from __future__ import annotations

from collections.abc import Mapping

#: Parameters after ``task``, in the order of SDK v1's signature.
POSITIONS = (
    "path",
    "iterations",
    "primary_metric",
    "positive_label",
    "compute_target",
    "spark_context",
    "X",
    "y",
    "sample_weight",
    "X_valid",
    "y_valid",
    "sample_weight_valid",
    "cv_splits_indices",
    "validation_size",
    "n_cross_validations",
)

#: Older name -> today's name of a parameter with the same meaning.
RENAMED: Mapping[str, str] = {
    "exit_score": "experiment_exit_score",
    "concurrent_iterations": "max_concurrent_iterations",
    "blacklist_algos": "blocked_models",
    "blacklist_models": "blocked_models",
    "whitelist_models": "allowed_models",
}

#: Parameter -> today's name, and how many of today's minutes one of its units is.
TIMES: Mapping[str, tuple[str, float]] = {
    "max_time_sec": ("iteration_timeout_minutes", 1 / 60),
    "exit_time_sec": ("experiment_timeout_minutes", 1 / 60),
    "experiment_timeout_hours": ("experiment_timeout_minutes", 60.0),
}

#: Words of SDK v1 that have no counterpart, or nothing to switch.
WITHOUT_MEANING = frozenset(
    {
        "auto_blacklist",
        "cost_mode",
        "enable_batch_run",
        "enable_cache",
        "enable_code_generation",
        "enable_distributed_dnn_training",
        "enable_dnn",
        "enable_feature_sweeping",
        "enable_local_managed",
        "enable_nimbusml",
        "enable_split_onnx_featurizer_estimator_models",
        "enable_streaming",
        "enable_subsampling",
        "enable_tf",
        "enforce_time_on_windows",
        "is_gpu",
        "lag_length",
        "metric_operation",
        "num_classes",
        "pipeline_fetch_max_batch_size",
        "save_mlflow",
        "scenario",
        "send_telemetry",
        "subsample_seed",
        "test_data",
        "test_size",
        "track_child_runs",
        "y_max",
        "y_min",
    }
)

#: Other names that SDK v1 had for models, in lower case without spaces -> ours, by task.
MODELS: Mapping[str, Mapping[str, str]] = {
    "classification": {
        "sgdclassifier": "SGD",
        "sgdclassifierwrapper": "SGD",
        "multinomialnb": "MultinomialNaiveBayes",
        "bernoullinb": "BernoulliNaiveBayes",
        "svcwrapper": "SVM",
        "linearsvmwrapper": "LinearSVM",
        "kneighborsclassifier": "KNN",
        "dt": "DecisionTree",
        "decisiontreeclassifier": "DecisionTree",
        "rf": "RandomForest",
        "randomforestclassifier": "RandomForest",
        "extratrees": "ExtremeRandomTrees",
        "extratreesclassifier": "ExtremeRandomTrees",
        "gradientboostingclassifier": "GradientBoosting",
        "lgbm_classifier": "LightGBM",
        "lightgbmclassifier": "LightGBM",
        "xgboost": "XGBoostClassifier",
    },
    "regression": {
        "gradientboostingregressor": "GradientBoosting",
        "dt": "DecisionTree",
        "dtregressor": "DecisionTree",
        "decisiontreeregressor": "DecisionTree",
        "knnregressor": "KNN",
        "kneighborsregressor": "KNN",
        "sgdregressor": "SGD",
        "rf": "RandomForest",
        "rfregressor": "RandomForest",
        "randomforestregressor": "RandomForest",
        "extratrees": "ExtremeRandomTrees",
        "extratreesregressor": "ExtremeRandomTrees",
        "lgbm_regressor": "LightGBM",
        "lightgbmregressor": "LightGBM",
        "xgboost": "XGBoostRegressor",
    },
}

#: Models that are not here -> the nearest of ours, where a script allows no others.
STAND_INS: Mapping[str, Mapping[str, str]] = {
    "classification": {
        "averagedperceptronclassifier": "SGD",
        "tensorflowdnn": "MLP",
        "tensorflowlinearclassifier": "LogisticRegression",
    },
    "regression": {
        "fastlinearregressor": "SGD",
        "onlinegradientdescentregressor": "SGD",
        "tensorflowdnn": "MLP",
        "tensorflowlinearregressor": "ElasticNet",
    },
}
