"""Rows out of files: what is read, what is rejected with its row, what stops the run."""

import contextlib
import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.base.errors import RequestError
from laurels.replay.readers import Format, Row, read_rows
from laurels.replay.values import Rejected


def read(path: Path, layout: Format | None = None) -> tuple[list[Row], list[Rejected]]:
    rejected: list[Rejected] = []
    return list(read_rows([path], rejected.append, layout)), rejected


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    raw = content.encode("utf-8") if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def refused(path: Path) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(path)
    assert caught.value.code == "events-unreadable"
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_the_delimiter_is_seen_from_the_header(tmp_path: Path, delimiter: str, ending: str) -> None:
    lines = ["id,member,amount", 'a,"x,;\ty",1.50', "b,,2"]
    text = "\r\n".join(line.replace(",", delimiter, 99) for line in lines)
    text = text.replace(f"x{delimiter};\ty", "x,;\ty")
    rows, rejected = read(write(tmp_path, "e" + ending, "\ufeff" + text))
    assert not rejected
    assert [row.values for row in rows] == [
        {"id": "a", "member": "x,;\ty", "amount": "1.50"},
        {"id": "b", "member": "", "amount": "2"},
    ]
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 3)]


def test_a_cell_may_hold_line_breaks_and_rows_know_their_lines(tmp_path: Path) -> None:
    rows, _ = read(write(tmp_path, "e.csv", 'id,note\na,"one\ntwo"\n\nb,x\n'))
    assert [(row.number, row.line, row.values["id"]) for row in rows] == [(1, 2, "a"), (2, 5, "b")]


def test_bad_rows_are_rejected_and_the_rest_goes_on(tmp_path: Path) -> None:
    text = "id,amount\na,1\nb\nc,3,4\nd,\x004\ne,5\n"
    rows, rejected = read(write(tmp_path, "e.csv", text))
    assert [row.values["id"] for row in rows] == ["a", "e"]
    assert [(bad.row, bad.column, bad.reason) for bad in rejected] == [
        (2, "", "row-ragged"),
        (3, "", "row-ragged"),
        (4, "amount", "nul-byte"),
    ]
    assert rejected[0].expected == "2 cells"
    assert rejected[2].value == "\\x004"


def test_a_quote_that_is_not_closed_costs_one_line(tmp_path: Path) -> None:
    lines = "".join(f"{number},x\n" for number in range(20_000))
    rows, rejected = read(write(tmp_path, "e.csv", f'id,note\na,"open\n{lines}'))
    assert len(rows) == 20_000
    assert [(bad.row, bad.reason) for bad in rejected] == [(1, "row-unreadable")]
    assert (rows[0].number, rows[0].line) == (2, 3)


def test_blank_separated_files_and_files_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "e.txt", " 00001 19970101  1   11.77\n 00002 19970112  5   77.00\n")
    header = ("id", "day", "units", "amount")
    rows, _ = read(path, Format("whitespace", header))
    assert rows[1].values == {"id": "00002", "day": "19970112", "units": "5", "amount": "77.00"}
    assert (rows[0].number, rows[0].line) == (1, 1)


def test_json_lines_keep_decimals_exact(tmp_path: Path) -> None:
    text = '{"id": "a", "amount": 12.30, "n": 7, "lines": [{"line": "1"}]}\n\n{"id": "b"}\n'
    rows, rejected = read(write(tmp_path, "e.jsonl.gz", text))
    assert not rejected
    assert rows[0].values["amount"] == Decimal("12.30")
    assert str(rows[0].values["amount"]) == "12.30"
    assert rows[0].values["n"] == 7
    assert (rows[1].number, rows[1].line) == (2, 3)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": ', "json-broken"),
        ("[1]", "json-broken"),
        ('{"id": "a", "id": "b"}', "json-key-twice"),
        ('{"amount": NaN}', "number-unreadable"),
        ('{"amount": 1e999999999}', "number-too-long"),
        ('{"amount": ' + "9" * 5000 + "}", "json-broken"),
        ('{"id": "a\\u0000b"}', "nul-byte"),
        ('{"id": "\\ud800"}', "json-broken"),
        ("[" * 100_000, "json-broken"),
    ],
)
def test_broken_json_lines_are_rejected(tmp_path: Path, line: str, reason: str) -> None:
    rows, rejected = read(write(tmp_path, "e.jsonl", f'{line}\n{{"id": "z"}}\n'))
    assert [row.values for row in rows] == [{"id": "z"}]
    assert [(bad.row, bad.reason) for bad in rejected] == [(1, reason)]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    local, instant = dt.datetime(2024, 2, 29, 23, 59), dt.datetime(2024, 2, 29, 20, tzinfo=dt.UTC)
    table = pa.table(
        {
            "id": pa.array(["a", None]).dictionary_encode(),
            "amount": pa.array([Decimal("12.30"), None], pa.decimal128(20, 2)),
            "price": [2.95, None],
            "units": [3, None],
            "local": pa.array([local, None], pa.timestamp("us")),
            "instant": pa.array([instant, None], pa.timestamp("ms", "Asia/Almaty")),
            "born": pa.array([dt.date(1990, 5, 1), None]),
        }
    )
    pq.write_table(table, tmp_path / "e.parquet")
    rows, rejected = read(tmp_path / "e.parquet")
    assert not rejected
    assert rows[0].values == {
        "id": "a",
        "amount": Decimal("12.30"),
        "price": 2.95,
        "units": 3,
        "local": local,
        "instant": instant,
        "born": dt.date(1990, 5, 1),
    }
    assert set(rows[1].values.values()) == {None}
    assert [(row.number, row.line) for row in rows] == [(1, 0), (2, 0)]


def test_parquet_rows_that_are_too_fine_or_no_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": ["a", "b\0", "c"],
            "at": pa.array([1_000, 2_000, 3_001], pa.timestamp("ns")),
        }
    )
    pq.write_table(table, tmp_path / "e.parquet", version="2.6")
    rows, rejected = read(tmp_path / "e.parquet")
    assert [row.values["id"] for row in rows] == ["a"]
    assert [(bad.row, bad.column, bad.reason) for bad in rejected] == [
        (2, "id", "nul-byte"),
        (3, "at", "time-too-fine"),
    ]


def test_folders_are_read_by_name_and_each_file_once(tmp_path: Path) -> None:
    write(tmp_path, "b.csv", "id\nb\n")
    write(tmp_path, "a.jsonl", '{"id": "a"}\n')
    write(tmp_path, "README.txt", "not data")
    write(tmp_path, ".hidden.csv", "id\nh\n")
    (tmp_path / "2024").mkdir()
    write(tmp_path / "2024", "c.csv.gz", "id\nc\n")
    rows = list(read_rows([tmp_path / "b.csv", tmp_path], lambda _: None))
    assert [row.values["id"] for row in rows] == ["b", "c", "a"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "cp1251"])
def test_other_encodings_stop_the_run_and_say_where(tmp_path: Path, encoding: str) -> None:
    name = "Ж" if encoding == "cp1251" else "é"
    error = refused(write(tmp_path, "e.csv", f"id\na\n{name}\n".encode(encoding)))
    assert "UTF-" in error.what
    assert "UTF-8" in error.hint
    if encoding != "utf-16":
        assert error.where.endswith("e.csv:3")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("e.xlsx", b"PK", "the ending"),
        ("e.json", b"[]", "the ending"),
        ("e.csv", b"", "the file is empty"),
        ("e.csv", b"id,id\n1,2\n", "is there 2 times"),
        ("e.csv", b"id,\0\n1,2\n", "the header"),
        ("e.parquet", b"PAR1 and nothing", "damaged"),
        ("e.parquet", b"", "damaged"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    error = refused(write(tmp_path, name, content))
    assert what in error.what
    assert name in error.where
    assert error.expected


def test_a_cut_gzip_file_stops_the_run(tmp_path: Path) -> None:
    path = write(tmp_path, "e.csv.gz", "id\n" + "".join(f"{n}\n" for n in range(50_000)))
    path.write_bytes(path.read_bytes()[:-2000])
    assert "not complete" in refused(path).what
    path.write_bytes(b"no gzip at all")
    assert "damaged" in refused(path).what


def test_a_missing_file_and_an_empty_folder(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "id\n")
    assert "events.csv" in refused(tmp_path / "event.csv").hint
    (tmp_path / "empty").mkdir()
    assert "no file that can be read" in refused(tmp_path / "empty").what


@given(st.binary(max_size=300), st.sampled_from(["e.csv", "e.jsonl", "e.parquet", "e.csv.gz"]))
def test_no_bytes_crash_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    with contextlib.suppress(RequestError):
        read(path)
