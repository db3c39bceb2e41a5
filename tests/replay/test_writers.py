"""What a replay leaves behind: columns, types, the same bytes for the same rows."""

import csv
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laurels.base.errors import RequestError
from laurels.replay.raw import Unmatched
from laurels.replay.tables import empty_of
from laurels.replay.values import Rejected
from laurels.replay.writers import (
    POSTINGS,
    member_columns,
    open_books,
    posting_columns,
    write_rejected,
    write_summary,
    write_unmatched,
)

UNITS = {"bonus": 0, "point": 2}
AT = 1_709_227_800_000_000  # 2024-02-29T17:30:00Z


def write_postings(folder: Path, rows: Iterable[object], formats: Iterable[str] = ("parquet",)):
    schema = empty_of(posting_columns(UNITS)).schema
    with open_books(folder, UNITS, [], formats) as (_, add):
        for part in batched(rows, 70_000):
            add(pa.Table.from_pylist(part, schema))


def write_members(folder: Path, rows: list[object], formats: Iterable[str]):
    schema = empty_of(member_columns(UNITS, ["stage"])).schema
    with open_books(folder, UNITS, ["stage"], formats) as (add, _):
        add(pa.Table.from_pylist(rows, schema))


def batched(rows: Iterable[object], size: int) -> Iterator[list[object]]:
    remaining = iter(rows)
    while part := list(islice(remaining, size)):
        yield part


def posting(number: int, **cells: object) -> dict[str, object]:
    return {
        "posting": f"p{number}",
        "member": "m",
        "kind": "earned",
        "unit": "point",
        "points": 1234,
        "from_account": "issued",
        "to_account": "member:active",
        "occurred_at": AT,
        **cells,
    }


def test_postings_have_the_columns_of_the_contract(tmp_path: Path) -> None:
    rows = [posting(1), posting(2, unit="bonus", points=37, line="3", expires_at=AT + 1)]
    write_postings(tmp_path, rows, {"parquet", "csv"})
    table = pq.read_table(tmp_path / "postings.parquet")
    assert tuple(table.schema.names) == POSTINGS
    assert table.schema.field("points").type == pa.decimal128(38, 2)
    assert table.schema.field("occurred_at").type == pa.timestamp("us", "UTC")
    assert table.column("points").to_pylist() == [Decimal("12.34"), Decimal("37.00")]
    assert table.column("line").to_pylist() == [None, "3"]
    at = dt.datetime(2024, 2, 29, 17, 30, tzinfo=dt.UTC)
    assert table.column("occurred_at").to_pylist() == [at, at]
    with (tmp_path / "postings.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [(each["points"], each["expires_at"]) for each in written] == [
        ("12.34", ""),
        ("37.00", "2024-02-29T17:30:00.000001Z"),
    ]
    names = ["members.csv", "members.parquet", "postings.csv", "postings.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_rows_are_streamed_in_groups_and_give_the_same_bytes(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, object]]:
        return (posting(number, points=number + 1) for number in range(250_000))

    hashes = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_postings(folder, rows())
        raw = (folder / "postings.parquet").read_bytes()
        hashes.add(hashlib.sha256(raw).hexdigest())
    assert len(hashes) == 1
    groups = pq.ParquetFile(tmp_path / "a" / "postings.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [
        100_000,
        100_000,
        50_000,
    ]


def test_nothing_half_written_takes_the_name(tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, object]]:
        yield posting(1)
        raise ValueError("the engine stopped")

    with pytest.raises(ValueError):
        write_postings(tmp_path, broken(), {"parquet", "csv"})
    assert not list(tmp_path.iterdir())


def test_no_postings_are_a_table_too(tmp_path: Path) -> None:
    write_postings(tmp_path, [])
    assert tuple(pq.read_table(tmp_path / "postings.parquet").schema.names) == POSTINGS


def test_members(tmp_path: Path) -> None:
    row = {"member": "m", "active_point": 5, "debt_bonus": 0, "tier_stage": None, "next_expiry": AT}
    write_members(tmp_path, [row], {"parquet", "csv"})
    table = pq.read_table(tmp_path / "members.parquet")
    assert table.schema.names == [
        "member",
        *("active_bonus", "pending_bonus", "held_bonus", "debt_bonus"),
        *("active_point", "pending_point", "held_point", "debt_point"),
        *("tier_stage", "tier_stage_until", "next_expiry"),
    ]
    assert table.schema.field("active_point").type == pa.decimal128(38, 2)
    assert table.schema.field("debt_bonus").type == pa.decimal128(38, 0)
    found = table.to_pylist()[0]
    assert (found["active_point"], found["debt_bonus"], found["tier_stage"]) == (
        Decimal("0.05"),
        Decimal(0),
        None,
    )


def test_summary_and_lists(tmp_path: Path) -> None:
    write_summary(tmp_path, {"issued": Decimal("12.30"), "members": 3, "имя": "ё"})
    text = (tmp_path / "summary.json").read_text("utf-8")
    assert json.loads(text) == {"issued": "12.30", "members": 3, "имя": "ё"}
    assert write_rejected(tmp_path, [Rejected("e.csv", 3, "amount", "x", "a, b", '"1"')]) == 1
    assert (tmp_path / "rejected.csv").read_text("utf-8") == (
        'file,row,column,reason,expected,value\ne.csv,3,amount,x,"a, b","""1"""\n'
    )
    assert write_unmatched(tmp_path, []) == 0
    assert (tmp_path / "unmatched.csv").read_text("utf-8") == ",".join(Unmatched._fields) + "\n"


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError) as caught:
        write_summary(tmp_path / "file", {})
    assert caught.value.code == "folder-not-writable"
    with pytest.raises(RequestError) as caught:
        write_postings(tmp_path, [], {"xlsx"})
    assert caught.value.code == "format-unknown"
