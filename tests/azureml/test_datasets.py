"""Data sets and datastores as old scripts use them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from engine import AutoMLConfig, DataException
from engine.azureml import dataprep as dprep
from engine.azureml.core import Dataset, Datastore
from engine.azureml.data.data_reference import DataReference
from engine.azureml.data.datapath import DataPath
from engine.azureml.data.dataset_factory import DataType, TabularDatasetFactory
from engine.azureml.unavailable import NotAvailable

FRAME = pd.DataFrame(
    {"n": range(10), "y": ["no", "yes"] * 5, "when": pd.date_range("2020", periods=10)}
)


@pytest.fixture
def uploaded(ws, capsys):
    """The default datastore, with ``data/train.csv``."""
    Path("local").mkdir()
    FRAME.to_csv("local/train.csv", index=False)
    store = ws.get_default_datastore()
    store.upload(src_dir="./local", target_path="data", overwrite=True, show_progress=True)
    assert "uploaded 1 files" in capsys.readouterr().out
    return store


def test_the_default_datastore(ws, uploaded):
    assert uploaded.name == "workspaceblobstore"
    assert all(
        isinstance(text, str)
        for text in (uploaded.datastore_type, uploaded.account_name, uploaded.container_name)
    )
    assert Path(uploaded.location, "data/train.csv").is_file()
    assert uploaded.location.startswith(str(ws.folder))
    assert Datastore.get(ws, "workspacefilestore").location == uploaded.location
    assert Datastore(ws).name == Datastore(ws, name="workspaceblobstore").name == uploaded.name
    assert ws.datastores["workspaceblobstore"].location == uploaded.location
    with pytest.raises(Exception, match="there is no datastore 'nosuch'"):
        Datastore.get(ws, "nosuch")


def test_paths_of_every_kind(ws, uploaded):
    ways = [
        "local/train.csv",
        Path("local/train.csv"),
        str(Path("local").absolute()),
        (uploaded, "data/train.csv"),
        [(uploaded, "data/*.csv")],
        (uploaded, ["data/train.csv"]),
        uploaded.path("data/train.csv"),
        uploaded.path("data").path("train.csv"),
        DataPath(uploaded, "data/train.csv"),
        [DataReference(uploaded, path_on_datastore="data/train.csv")],
    ]
    for way in ways:
        frame = Dataset.Tabular.from_delimited_files(path=way).to_pandas_dataframe()
        assert frame["n"].tolist() == list(range(10)), way
    assert pd.read_csv(uploaded.path("data/train.csv")).shape == (10, 3)
    with pytest.raises(DataException, match="allowed are a path"):
        Dataset.Tabular.from_delimited_files(path=[])
    with pytest.raises(DataException, match="there is no file"):
        Dataset.Tabular.from_delimited_files(path="local/nosuch.csv")
    assert Dataset.Tabular.from_delimited_files("local/nosuch.csv", validate=False) is not None


def test_registered_and_opened_by_name(ws, uploaded):
    data = Dataset.Tabular.from_delimited_files((uploaded, "data/train.csv"))
    assert data.name is None
    train, test = data.drop_columns(["when"]).random_split(percentage=0.8, seed=223)
    train = train.register(workspace=ws, name="train", description="d", tags={"a": "b"})
    assert (train.name, train.version, train.description) == ("train", 1, "d")
    again = Dataset.get_by_name(ws, name="train")
    pd.testing.assert_frame_equal(again.to_pandas_dataframe(), train.to_pandas_dataframe())
    assert again.id == train.id
    assert Dataset.get_by_id(ws, train.id).name == "train"
    assert again.take(1).name is None
    with pytest.raises(DataException, match="create_new_version"):
        test.register(ws, "train")
    assert test.register(ws, "train", create_new_version=True).version == 2
    assert len(Dataset.get_by_name(ws, "train", version=1).to_pandas_dataframe()) == 8
    assert list(ws.datasets) == ["train"]
    assert ws.datasets["train"].version == 2
    assert "other" not in ws.datasets
    files = Dataset.File.from_files((uploaded, "data/**")).register(ws, "files")
    assert Dataset.get_by_name(ws, "files").to_path() == files.to_path() == ["/train.csv"]
    files.unregister_all_versions()
    assert list(ws.datasets) == ["train"]


def test_a_pandas_table(ws, uploaded):
    registered = Dataset.Tabular.register_pandas_dataframe(
        FRAME, target=(uploaded, "tables"), name="mine", show_progress=True
    )
    pd.testing.assert_frame_equal(registered.to_pandas_dataframe(), FRAME, check_dtype=False)
    changed = TabularDatasetFactory.register_pandas_dataframe(FRAME.head(3), uploaded, "mine")
    assert changed.version == 2
    assert len(Dataset.get_by_name(ws, "mine").to_pandas_dataframe()) == 3
    with pytest.raises(DataException, match="allowed is a datastore"):
        TabularDatasetFactory.register_pandas_dataframe(FRAME, "folder", "mine")


def test_times(uploaded):
    data = Dataset.Tabular.from_delimited_files((uploaded, "data"))
    with pytest.raises(DataException, match="with_timestamp_columns"):
        data.time_before(datetime(2020, 1, 3))
    timed = data.with_timestamp_columns("when")
    assert timed.time_before(datetime(2020, 1, 3)).to_pandas_dataframe()["n"].tolist() == [0, 1, 2]
    early = timed.time_before(datetime(2020, 1, 3), include_boundary=False)
    assert early.to_pandas_dataframe()["n"].tolist() == [0, 1]
    both = timed.time_between(datetime(2020, 1, 2), datetime(2020, 1, 3)).take(1)
    assert both.to_pandas_dataframe()["n"].tolist() == [1]
    assert timed.timestamp_columns == ("when", None)


def test_times_are_registered_too(ws, uploaded):
    timed = Dataset.Tabular.from_delimited_files((uploaded, "data")).with_timestamp_columns("when")
    timed.register(ws, "timed")
    again = Dataset.get_by_name(ws, "timed")
    assert len(again.time_after(datetime(2020, 1, 9)).to_pandas_dataframe()) == 2


def test_column_types(uploaded):
    frame = Dataset.Tabular.from_delimited_files(
        (uploaded, "data"),
        set_column_types={"n": DataType.to_string(), "when": DataType.to_datetime("%Y-%m-%d")},
        include_path=True,
    ).to_pandas_dataframe()
    assert frame["n"][0] == "0"
    assert frame["Path"][0] == "/train.csv"
    with pytest.raises(Exception, match="partition_format"):
        Dataset.Tabular.from_delimited_files((uploaded, "data"), partition_format="/{year:yyyy}/")


@pytest.mark.parametrize("header", [False, None, "NO_HEADERS", dprep.PromoteHeadersMode.NONE])
def test_no_header(uploaded, header):
    frame = Dataset.Tabular.from_delimited_files((uploaded, "data"), header=header)
    assert list(frame.to_pandas_dataframe().columns) == ["Column1", "Column2", "Column3"]


def test_a_run_takes_it(uploaded):
    data = Dataset.Tabular.from_delimited_files((uploaded, "data")).drop_columns("when")
    for given in (data, data.as_named_input("train")):
        config = AutoMLConfig(
            "classification", training_data=given, label_column_name="y", n_cross_validations=2
        )
        assert config.prepare().data.dataset.feature_names == ("n",)


def test_files(uploaded):
    files = Dataset.File.from_files(path=(uploaded, "data"))
    (path,) = files.download(target_path="copies", overwrite=False)
    assert pd.read_csv(path).shape == (10, 3)
    with files.mount() as mounted:
        assert os.listdir(mounted.mount_point) == ["train.csv"]
    assert not os.path.exists(mounted.mount_point)
    (file,) = Dataset.Tabular.from_delimited_files((uploaded, "data")).to_csv_files().download()
    assert pd.read_csv(file)["n"].tolist() == list(range(10))


def test_profile(uploaded):
    profile = Dataset.Tabular.from_delimited_files((uploaded, "data")).get_profile()
    assert profile.loc["n", ["min", "max", "Missing"]].tolist() == [0, 9, 0]


def test_a_container_of_blobs_is_a_uri_without_its_key(ws):
    store = Datastore.register_azure_blob_container(
        workspace=ws, datastore_name="blobs", container_name="data", account_name="mine",
        account_key="hunter2",
    )  # fmt: skip
    assert (store.container_name, store.account_name) == ("data", "mine")
    assert ws.datastores["blobs"].location == "abfs://data@mine.dfs.core.windows.net"
    assert b"hunter2" not in (ws.folder / "datastores.json").read_bytes()
    store.set_as_default()
    assert ws.get_default_datastore().name == "blobs"
    store.unregister()
    assert ws.get_default_datastore().name == "workspaceblobstore"


def test_what_cannot_be_had(ws, uploaded):
    with pytest.raises(NotAvailable, match=r"pandas\.read_sql"):
        Datastore.register_azure_sql_database(ws, "sql", "server", "db")
    with pytest.raises(NotAvailable, match=r"pandas\.read_sql"):
        Dataset.Tabular.from_sql_query((uploaded, "select 1"))
    with pytest.raises(NotAvailable, match="Ray Dataset"):
        Dataset.Tabular.from_delimited_files((uploaded, "data")).to_spark_dataframe()


def test_data_preparation_as_the_notebooks_do_it(uploaded):
    """`dataprep` and `dataprep-remote-execution` of 2019, with a file of this machine."""
    flow = dprep.auto_read_file("local/train.csv")
    assert len(flow.get_profile()) == 3
    flow = flow.drop_nulls("y")
    assert flow.head(5).shape == (5, 3)
    X = flow.drop_columns(columns=["y", "when"])
    y = flow.keep_columns(columns=["y"], validate_column_exists=True)
    X_train, X_test = X.random_split(percentage=0.8, seed=223)
    y_train, y_test = y.random_split(percentage=0.8, seed=223)
    config = AutoMLConfig("classification", X=X_train, y=y_train, n_cross_validations=2)
    assert config.prepare().data.dataset.n_rows == 8
    assert (X_test.row_count, y_test.shape) == (2, (2, 1))
    texts = dprep.read_csv("local/train.csv").keep_columns("n")
    assert texts.head(1)["n"][0] == "0"
    numbers = texts.to_long(dprep.ColumnSelector(term=".*", use_regex=True))
    assert numbers.to_pandas_dataframe().iloc[:, 0].sum() == 45
    assert dprep.read_csv("local/train.csv", infer_column_types=True).skip(1).row_count == 9
    with pytest.raises(DataException, match="no columns"):
        flow.keep_columns(["nosuch"], validate_column_exists=True)
