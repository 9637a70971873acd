"""Files of all kinds that are read as one table."""

from __future__ import annotations

import gzip

import fsspec
import numpy as np
import pandas as pd
import pytest

from engine.data.file_dataset import FileDataset
from engine.data.table_source import FileKind, ReadOptions, TableFilesSource, as_kind
from engine.errors import DataException

TABLE = "age,city,when,member\n30,Rome,2020-01-31,true\n41,,2021-02-01 10:30,false\n"


def read(*paths, kind="delimited", **options):
    return TableFilesSource(tuple(map(str, paths)), FileKind(kind), ReadOptions(**options)).read()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    return path


def test_types_are_found(file):
    frame = read(file)
    assert frame["age"].tolist() == [30, 41]
    assert frame["when"].dt.year.tolist() == [2020, 2021]
    assert frame["member"].dtype == bool
    assert frame["city"].isna().tolist() == [False, True]


def test_texts_only(file):
    frame = read(file, infer_types=False)
    assert frame["age"].tolist() == ["30", "41"]
    assert isinstance(frame["when"][0], str)


def test_texts_that_only_look_like_dates_at_first(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("code\n" + "2020-01-31\n" * 300 + "unknown\n")
    assert read(path)["code"].iloc[-1] == "unknown"


@pytest.mark.parametrize("separator", [";", "\t", "|", "||"])
def test_separators(tmp_path, separator):
    path = tmp_path / "data.txt"
    path.write_text(f"a{separator}b\n1{separator}2\n")
    assert read(path, separator=separator).to_dict("list") == {"a": [1], "b": [2]}
    if len(separator) == 1:
        assert read(path, separator="").to_dict("list") == {"a": [1], "b": [2]}


def test_without_a_header(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("1,2\n3,4\n")
    assert read(path, header=False).to_dict("list") == {"Column1": [1, 3], "Column2": [2, 4]}


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf8", "utf-8"), ("utf8", "utf-8-sig"), ("iso88591", "latin-1"), ("windows1252", "cp1252"),
     ("utf16", "utf-16"), ("utf8bom", "utf-8-sig")],
)  # fmt: skip
def test_encodings(tmp_path, encoding, codec):
    path = tmp_path / "data.csv"
    path.write_bytes("städte\nKöln\n".encode(codec))
    assert read(path, encoding=encoding).to_dict("list") == {"städte": ["Köln"]}


def test_folders_patterns_and_lists_are_one_table(tmp_path):
    for number in range(3):
        (tmp_path / "sub").mkdir(exist_ok=True)
        (tmp_path / "sub" / f"part{number}.csv").write_text(f"a\n{number}\n")
    (tmp_path / "sub" / "_SUCCESS").write_text("")
    (tmp_path / "sub" / ".hidden.csv").write_text("no,table")
    assert read(tmp_path / "sub")["a"].tolist() == [0, 1, 2]
    assert read(f"{tmp_path}/**/part[02].csv")["a"].tolist() == [0, 2]
    both = read(tmp_path / "sub/part2.csv", tmp_path / "sub/part0.csv", include_path=True)
    assert both.to_dict("list") == {"Path": ["/part2.csv", "/part0.csv"], "a": [2, 0]}
    assert both.index.tolist() == [0, 1]


def test_hidden_files_are_read_when_they_are_named(tmp_path):
    tmp_path = tmp_path / ".store"
    tmp_path.mkdir()
    (tmp_path / "_a.csv").write_text("a\n1\n")
    assert read(tmp_path / "_a.csv")["a"].tolist() == [1]
    assert read(f"{tmp_path}/_*.csv")["a"].tolist() == [1]
    with pytest.raises(DataException, match="there is no file"):
        read(f"{tmp_path}/*.csv")
    with pytest.raises(DataException, match="there is no file"):
        read(tmp_path)


def test_compressed_parquet_and_json_lines(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
    pd.DataFrame({"a": [1], "when": [pd.Timestamp("2020-01-01")]}).to_parquet(
        tmp_path / "a.parquet"
    )
    (tmp_path / "a.jsonl").write_text('{"a": 1, "b": "x"}\n{"a": 2}\n')
    assert read(tmp_path / "a.csv.gz")["a"].tolist() == [1]
    assert read(tmp_path / "a.parquet", kind="parquet")["when"].dt.year.tolist() == [2020]
    assert read(tmp_path / "a.jsonl", kind="json_lines")["a"].tolist() == [1, 2]


def test_a_uri():
    with fsspec.open("memory://bucket/data.csv", "w") as file:
        file.write("a,b\n1,x\n")
    assert read("memory://bucket/data.csv")["a"].tolist() == [1]
    assert read("memory://bucket")["b"].tolist() == ["x"]
    assert FileDataset(["memory://bucket"]).to_path() == ["/data.csv"]


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("no/such/file.csv", "there is no file at no/such/file.csv"),
        ("no/such/*.csv", "there is no file"),
        ("nosuchscheme://bucket/file.csv", "cannot read nosuchscheme://bucket/file.csv"),
    ],
)
def test_what_is_not_there(path, match):
    with pytest.raises(DataException, match=match):
        read(path)


def test_an_empty_file_and_a_broken_one(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.parquet").write_text("no parquet")
    with pytest.raises(DataException, match=r"cannot read .*empty\.csv"):
        read(tmp_path / "empty.csv")
    with pytest.raises(DataException, match=r"cannot read .*broken\.parquet"):
        read(tmp_path / "broken.parquet", kind="parquet")
    (tmp_path / "latin.csv").write_bytes("städte\nKöln".encode("latin-1"))
    with pytest.raises(DataException, match="UnicodeDecodeError"):
        read(tmp_path / "latin.csv")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_web_address_that_cannot_be_reached(monkeypatch, scheme):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataException, match=r"cannot read .*Download the file and give its path"):
        read(f"{scheme}://127.0.0.1:9/data.csv")


def test_column_types(file):
    frame = read(file, column_types={"age": "string", "member": "boolean", "city": "string"})
    assert frame["age"].tolist() == ["30", "41"]
    assert frame["city"].isna().tolist() == [False, True]
    with pytest.raises(DataException, match="no column 'nosuch'"):
        read(file, column_types={"nosuch": "long"})
    with pytest.raises(DataException, match="allowed are string"):
        read(file, column_types={"age": "complex"})


def test_what_is_not_of_a_type_is_missing():
    values = pd.Series(["1", "x", None, "2.0"])
    assert as_kind(values, "long").tolist() == [1, pd.NA, pd.NA, 2]
    assert np.isnan(as_kind(values, "double")[1])
    assert as_kind(pd.Series(["true", "0", "x"]), "boolean").tolist()[:2] == [True, False]
    assert as_kind(pd.Series(["31.01.2020", "x"]), "datetime", "%d.%m.%Y").isna().tolist() == [
        False, True,
    ]  # fmt: skip


def test_downloads(tmp_path):
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_text("1")
    (tmp_path / "in" / "b" / "c.csv.gz").write_bytes(gzip.compress(b"2"))
    files = FileDataset([str(tmp_path / "in")])
    assert files.to_path() == ["/a.csv", "/b/c.csv.gz"]
    written = files.download(tmp_path / "out")
    assert gzip.decompress((tmp_path / "out/b/c.csv.gz").read_bytes()) == b"2"
    assert len(written) == 2
    with pytest.raises(DataException, match="exists"):
        files.download(tmp_path / "out")
    assert files.download(tmp_path / "out", overwrite=True) == written
    assert files.skip(1).to_path() == ["/b/c.csv.gz"]
    assert files.take(1).to_path() == ["/a.csv"]
    first, second = files.random_split(0.5, seed=1)
    assert sorted([*first.to_path(), *second.to_path()]) == files.to_path()
    assert len(first.to_path()) == 1
