"""Scalers, and which estimators they suit."""

from __future__ import annotations

from collections.abc import Mapping

from engine.pipelines.catalogue.entries import NO_SCALER, ScalerEntry
from engine.pipelines.catalogue.spaces import _one_of, _share

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
            space={"norm": _one_of("l1", "l2", "max")},
            handles_sparse=False,
        ),
        ScalerEntry(
            "SparseNormalizer",
            "sklearn.preprocessing:Normalizer",
            space={"norm": _one_of("l1", "l2", "max")},
            handles_dense=False,
        ),
        ScalerEntry(
            "PCA",
            "engine.pipelines.estimators.reduction:ShareOfColumns",
            fixed={"method": "pca"},
            space={"share": _share()},
            seed_parameter="random_state",
            handles_sparse=False,
        ),
        ScalerEntry(
            "TruncatedSVDWrapper",
            "engine.pipelines.estimators.reduction:ShareOfColumns",
            fixed={"method": "svd"},
            space={"share": _share()},
            seed_parameter="random_state",
        ),
    )
}


_CENTRING = ("StandardScalerWrapper", "RobustScaler")


_LINEAR = (*_CENTRING, "MinMaxScaler", "MaxAbsScaler", "PCA", "TruncatedSVDWrapper")


#: A network finds projections of its own.
_NETWORK = (*_CENTRING, "MinMaxScaler", "MaxAbsScaler")


_DISTANCE = (*_LINEAR, "Normalizer", "SparseNormalizer")


_TREE = (NO_SCALER, "MaxAbsScaler", "PCA", "TruncatedSVDWrapper")
