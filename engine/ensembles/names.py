"""Names of ensembles and meta learners, for modules that must stay light."""

from collections.abc import Mapping

#: The ensembles that a run may end with.
VOTING, STACK = "VotingEnsemble", "StackEnsemble"
ENSEMBLES = (VOTING, STACK)

#: Meta learners that a stack may have, by task; the first is the default.
META_LEARNERS: Mapping[str, tuple[str, ...]] = {
    "classification": ("LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier"),
    "regression": ("ElasticNet", "ElasticNetCV", "LinearRegression", "LightGBMRegressor"),
}
