"""Files of tables: what is read, and what is refused with a way out."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pandas as pd
import pytest

from engine import AutoMLConfig
from engine.data.tables import read_table
from tests.faults.inputs import FRAME, Y, refused

TEXT = "a,b\n1,x\n2,y\n"
TABS = TEXT.replace(",", "\t")
TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})

READ = {
    "t.csv": TEXT.encode(),
    "T.CSV": TEXT.encode(),
    "what?.csv": TEXT.encode(),
    "mark.csv": ("\ufeff" + TEXT).encode(),
    "wide.csv": TEXT.encode("utf-16"),
    "crlf.csv": TEXT.replace("\n", "\r\n").encode(),
    "quoted.csv": b'"a","b"\n1,"x"\n2,"y"\n',
    "t.tsv": TABS.encode(),
    "wide.tsv": TABS.encode("utf-16"),
    "t.csv.gz": gzip.compress(TEXT.encode()),
    "t.csv.bz2": bz2.compress(TEXT.encode()),
    "t.csv.xz": lzma.compress(TEXT.encode()),
    "t.tsv.gz": gzip.compress(TABS.encode()),
    "t.tsv.bz2": bz2.compress(TABS.encode()),
}


@pytest.mark.parametrize("name", READ)
def test_a_text_file_is_read(name, tmp_path):
    (tmp_path / name).write_bytes(READ[name])
    pd.testing.assert_frame_equal(read_table(tmp_path / name), TABLE)
    pd.testing.assert_frame_equal(read_table(str(tmp_path / name)), TABLE)


@pytest.mark.parametrize("folder", ["parts.parquet", "parts"])
def test_a_folder_of_parquet_files_is_read(folder, tmp_path):
    for number, part in enumerate((TABLE.head(1), TABLE.tail(1))):
        place = tmp_path / folder / f"n={number}"
        place.mkdir(parents=True)
        part.to_parquet(place / "part.parquet")
    read = read_table(tmp_path / folder)
    assert read["a"].tolist() == [1, 2]
    TABLE.to_parquet(tmp_path / "t.pq")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.pq"), TABLE)


REFUSED = {
    "latin.csv": ("a,é\n1,ü\n".encode("latin1"), "is not UTF-8.*encoding="),
    "japanese.csv": ("年齢,結果\n1,はい\n".encode("shift_jis"), "is not UTF-8"),
    "semicolon.csv": (b"a;b;y\n1,5;2,5;0\n", "separated by ';', not by ','"),
    "tabs.csv": (TABS.encode(), r"separated by '\\t', not by ','"),
    "bars.csv": (b"a|b\n1|2\n", r"separated by '\|'"),
    "commas.tsv": (TEXT.encode(), r"separated by ',', not by '\\t'"),
    "empty.csv": (b"", "cannot read .*EmptyDataError"),
    "ragged.csv": (b"a,b\n1,2\n1,2,3\n", "cannot read .*Expected 2 fields"),
    "broken.csv.gz": (b"no gzip", "cannot read"),
    "broken.parquet": (b"PAR1xxxx", "cannot read"),
    "empty.parquet": (b"", "cannot read"),
    "table.txt": (TEXT.encode(), r"must end in \.csv, \.tsv or \.parquet"),
    "table.xlsx": (b"", r"must end in \.csv"),
    "table.json": (b"[]", r"must end in \.csv"),
    "table.gz": (b"", r"must end in \.csv"),
    "table": (b"", r"must end in \.csv"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused(name, tmp_path):
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    refused(lambda: read_table(tmp_path / name), message)


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere.parquet", "no/where.csv.gz"])
def test_a_file_that_is_not_there_is_refused_before_the_run(name):
    refused(lambda: read_table(name), "cannot read")
    config = AutoMLConfig("classification", training_data=name, label_column_name="y")
    refused(config.prepare, "does not exist")


def test_a_folder_without_tables_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("")
    refused(lambda: read_table(tmp_path / "folder"), "cannot tell what")


def test_a_row_number_without_heading_is_no_feature(tmp_path):
    FRAME.assign(y=Y).to_csv(tmp_path / "t.csv")
    config = AutoMLConfig("classification", training_data=str(tmp_path / "t.csv"),
                          label_column_name="y")  # fmt: skip
    columns = config.prepare().data.read().layout.columns
    assert columns[0].reason == "a row number: it has no heading and counts up"
    assert {column.purpose for column in columns[1:]} == {"Numeric", "Categorical"}
