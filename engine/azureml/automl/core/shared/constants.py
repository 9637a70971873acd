"""Names of tasks, metrics and files, as texts."""

from __future__ import annotations

from engine.metrics.metric import CLASSIFICATION_METRICS, REGRESSION_METRICS, primary_metrics_of

MODEL_PATH = "outputs/model.pkl"
MODEL_PATH_ONNX = "outputs/model.onnx"
MODEL_RESOURCE_PATH_ONNX = "outputs/model_onnx.json"
SCORING_FILE_PATH = "outputs/scoring_file_v_1_0_0.py"
CONDA_ENV_FILE_PATH = "outputs/conda_env_v_1_0_0.yml"
FEATURIZATION_SUMMARY_PATH = "outputs/featurization_summary.json"
ENGINEERED_FEATURE_NAMES_PATH = "outputs/engineered_feature_names.json"


class Tasks:
    """The tasks."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECASTING = "forecasting"
    ALL = (CLASSIFICATION, REGRESSION, FORECASTING)


class Metric:
    """Names of the metrics, also as ``Metric.<Name>``, and sets of them."""

    Accuracy = "accuracy"
    WeightedAccuracy = "weighted_accuracy"
    BalancedAccuracy = "balanced_accuracy"
    NormMacroRecall = "norm_macro_recall"
    LogLoss = "log_loss"
    AUCMacro = "AUC_macro"
    AUCMicro = "AUC_micro"
    AUCWeighted = "AUC_weighted"
    F1Macro = "f1_score_macro"
    F1Micro = "f1_score_micro"
    F1Weighted = "f1_score_weighted"
    PrecisionMacro = "precision_score_macro"
    PrecisionMicro = "precision_score_micro"
    PrecisionWeighted = "precision_score_weighted"
    RecallMacro = "recall_score_macro"
    RecallMicro = "recall_score_micro"
    RecallWeighted = "recall_score_weighted"
    AvgPrecisionMacro = "average_precision_score_macro"
    AvgPrecisionMicro = "average_precision_score_micro"
    AvgPrecisionWeighted = "average_precision_score_weighted"
    MatthewsCorrelation = "matthews_correlation"
    ExplainedVariance = "explained_variance"
    R2Score = "r2_score"
    Spearman = "spearman_correlation"
    MeanAbsError = "mean_absolute_error"
    MedianAbsError = "median_absolute_error"
    MAPE = "mean_absolute_percentage_error"
    RMSE = "root_mean_squared_error"
    RMSLE = "root_mean_squared_log_error"
    NormMeanAbsError = "normalized_mean_absolute_error"
    NormMedianAbsError = "normalized_median_absolute_error"
    NormRMSE = "normalized_root_mean_squared_error"
    NormRMSLE = "normalized_root_mean_squared_log_error"

    SCALAR_CLASSIFICATION_SET = frozenset(CLASSIFICATION_METRICS)
    SCALAR_REGRESSION_SET = frozenset(REGRESSION_METRICS)
    CLASSIFICATION_PRIMARY_SET = frozenset(primary_metrics_of("classification"))
    REGRESSION_PRIMARY_SET = frozenset(primary_metrics_of("regression"))
