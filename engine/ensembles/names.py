"""Names that light modules need without importing what they stand for."""

from collections.abc import Mapping

#: The last rows of a run.
VOTING, STACK = "VotingEnsemble", "StackEnsemble"
ENSEMBLES = (VOTING, STACK)

#: What may sit on top of a stack, by task; the first is the default.
META_LEARNERS: Mapping[str, tuple[str, ...]] = {
    "classification": ("LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier"),
    "regression": ("ElasticNet", "ElasticNetCV", "LinearRegression", "LightGBMRegressor"),
}
