"""Every scaler by its name, and which estimators scalers suit."""

from __future__ import annotations

from collections.abc import Mapping

from engine.pipelines.catalogue.entries import NO_SCALER, ScalerEntry
from engine.pipelines.catalogue.ranges import FloatRange, one_of

#: Share of the columns that dimensionality reduction keeps.
_SHARE = FloatRange(0.2, 1.0)

SCALERS: Mapping[str, ScalerEntry] = {
    entry.name: entry
    for entry in (
        ScalerEntry(
            "StandardScalerWrapper",
            "sklearn.preprocessing:StandardScaler",
            handles_missing=True,
            for_sparse={"with_mean": False},
        ),
        # clip: a test row outside the training range must stay valid for MultinomialNB.
        ScalerEntry(
            "MinMaxScaler",
            "sklearn.preprocessing:MinMaxScaler",
            fixed={"clip": True},
            handles_missing=True,
            handles_sparse=False,
        ),
        ScalerEntry("MaxAbsScaler", "sklearn.preprocessing:MaxAbsScaler", handles_missing=True),
        ScalerEntry(
            "RobustScaler",
            "sklearn.preprocessing:RobustScaler",
            handles_missing=True,
            for_sparse={"with_centering": False},
        ),
        ScalerEntry(
            "Normalizer",
            "sklearn.preprocessing:Normalizer",
            space={"norm": one_of("l1", "l2", "max")},
            handles_sparse=False,
        ),
        ScalerEntry(
            "SparseNormalizer",
            "sklearn.preprocessing:Normalizer",
            space={"norm": one_of("l1", "l2", "max")},
            handles_dense=False,
        ),
        ScalerEntry(
            "PCA",
            "engine.pipelines.estimators.reduction:ShareOfColumns",
            fixed={"method": "pca"},
            space={"share": _SHARE},
            seed_parameter="random_state",
            handles_sparse=False,
        ),
        ScalerEntry(
            "TruncatedSVDWrapper",
            "engine.pipelines.estimators.reduction:ShareOfColumns",
            fixed={"method": "svd"},
            space={"share": _SHARE},
            seed_parameter="random_state",
        ),
    )
}


#: Scalers that suit a kind of estimator; the first is the default.
CENTRING = ("StandardScalerWrapper", "RobustScaler")
FOR_LINEAR_MODELS = (*CENTRING, "MinMaxScaler", "MaxAbsScaler", "PCA", "TruncatedSVDWrapper")
#: A network finds projections of its own.
FOR_NETWORKS = (*CENTRING, "MinMaxScaler", "MaxAbsScaler")
FOR_DISTANCES = (*FOR_LINEAR_MODELS, "Normalizer", "SparseNormalizer")
FOR_TREES = (NO_SCALER, "MaxAbsScaler", "PCA", "TruncatedSVDWrapper")
