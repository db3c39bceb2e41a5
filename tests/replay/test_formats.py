"""One history in every form of file: the same result, on both engines."""

import csv
import json
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant, parse_instant
from laurels.engine.compiled import load
from laurels.replay.machine import native
from laurels.replay.options import Ears, Files, Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.readers import find_files
from laurels.replay.summary import summary
from laurels.replay.tables import Kept
from oracles.histories import history

ROOT = Path(__file__).parent.parent.parent / "programs"
FORMS = ("csv", "jsonl", "numbers.jsonl", "parquet", "typed.parquet")


def flat(name, seed, members=12):
    """A generated history without lines, which CSV has in another form."""
    events = history(name, random.Random(seed), members, months=14)
    lined = {each["id"] for each in events if "lines" in each}
    return [each for each in events if each["id"] not in lined and each.get("line") is None]


def write(events, folder, form, zone="Europe/London"):
    """The events as a file. What all events lack is no column."""
    path = folder / f"events.{form}"
    names = list(dict.fromkeys(name for each in events for name in each))
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(events)
    elif form.endswith("jsonl"):
        rows = [number(each) if form.startswith("numbers") else each for each in events]
        text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)
        path.write_text(text, encoding="utf-8")
    else:
        columns = {name: [each.get(name) for each in events] for name in names}
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        if form.startswith("typed"):
            amounts = [a and Decimal(a) for a in columns["amount"]]
            instants = [parse_instant(each, zone) for each in columns["occurred_at"]]
            at = pa.array(instants, pa.timestamp("us", "UTC"))
            typed = pa.array(amounts, pa.decimal128(18, 2))
            table = table.set_column(names.index("amount"), "amount", typed)
            table = table.set_column(names.index("occurred_at"), "occurred_at", at)
        pq.write_table(table, path)
    return path


def number(event):
    """Amounts as numbers of JSON."""
    return {k: float(v) if k == "amount" else v for k, v in event.items()}


def ran(program, path, engine, until=None):
    """What a run says and leaves, without what depends on the file."""
    kept = Kept(program)
    result = play(program, Files((path,)), kept, Options(engine, until))
    words = summary(result)
    words.pop("run")
    lists = [[each[1:] for each in found]
             for found in (result.rejected, result.refused, result.waiting)]  # fmt: skip
    return words, lists, kept.members.to_pylist(), kept.postings.to_pylist()


@pytest.mark.parametrize("name", ["retail-starter", "tbc-ertguli"])
def test_every_form_of_a_history_gives_the_same(name, tmp_path):
    program = load(ROOT / name / "program.yaml")
    events = flat(name, 3)
    expected = ran(program, write(events, tmp_path, "parquet"), "python")
    assert expected[0]["digest"]["postings"] != "0" * 16
    for form in FORMS:
        path = write(events, tmp_path, form, program.program.zone)
        assert ran(program, path, "numba") == expected, form
    random.Random(1).shuffle(events)
    mixed = ran(program, write(events, tmp_path, "csv"), "numba")
    assert mixed[0] == expected[0], "the order of the input changes nothing, nor does its digest"


def elsewhere(event):
    """The same instant, told with an offset."""
    at = datetime.fromisoformat(event["occurred_at"].replace("Z", "+00:00"))
    hours = timedelta(hours=len(event["id"]) % 20 - 7, minutes=30)
    return {**event, "occurred_at": at.astimezone(timezone(hours)).isoformat()}


def foreign(event):
    """Ids in another script."""
    return {k: f"\u0447\u0435\u043a-{v}" if k in ("id", "returns", "pays") and v else v
            for k, v in event.items()}  # fmt: skip


def recorded(event):
    """Told when it was recorded: two days later."""
    at = parse_instant(event["occurred_at"], "UTC") + 2 * 86_400_000_000
    return {**event, "recorded_at": format_instant(at)}


def quoted(events, path):
    """A text in which every cell is quoted, some with a comma or a quote inside."""
    names = list(dict.fromkeys(name for each in events for name in each))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*names, "note"], restval="", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows({**each, "note": 'a "b", c'} for each in events)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("change", [elsewhere, foreign, recorded])
def test_what_most_histories_have_is_judged_in_columns(change, form, tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    events = [change(each) for each in flat("retail-starter", 5, 8)]
    plain = native.replay_files(program, [write(flat("retail-starter", 5, 8), tmp_path, form)])
    path = write(events, tmp_path, form)
    assert native.replay_files(program, [path]).slow == plain.slow
    assert ran(program, path, "numba") == ran(program, path, "python")


def test_quoted_cells_are_judged_in_columns(tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    events = flat("retail-starter", 5, 8)
    path = write(events, tmp_path, "csv")
    expected = ran(program, path, "python")
    slow = native.replay_files(program, [path]).slow
    quoted(events, path)
    assert native.replay_files(program, [path]).slow == slow
    assert ran(program, path, "numba") == ran(program, path, "python") == expected


@pytest.mark.parametrize("change", [elsewhere, recorded])
def test_as_recorded_both_times_are_compared(change, tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    path = write([change(each) for each in flat("retail-starter", 5, 6)], tmp_path, "csv")
    found = []
    for engine in ("python", "numba"):
        kept = Kept(program)
        play(program, Files((path,)), kept, Options(engine, as_recorded=True))
        found.append((kept.members.to_pylist(), kept.postings.to_pylist()))
    assert found[0] == found[1]


ODD = [
    {"amount": "1e3"}, {"amount": " 12.5"}, {"amount": "12.345"}, {"amount": "12.340"},
    {"amount": "-1"}, {"amount": "+1"}, {"amount": ".5"}, {"amount": "5."}, {"amount": ""},
    {"amount": "9999999999999999"}, {"amount": "0"}, {"amount": "١٢"}, {"type": ""},
    {"type": "sneezed"}, {"occurred_at": "2024-02-30T10:00:00Z"}, {"occurred_at": "2024-02-29"},
    {"occurred_at": "2024-02-29 10:00"}, {"occurred_at": "2024-02-29T10:00:00.123456Z"},
    {"occurred_at": "2024-02-29T10:00:00.1234567Z"}, {"occurred_at": "2024-02-29T10:00:00.5"},
    {"occurred_at": "2024-02-29T24:00:00Z"}, {"occurred_at": "2024-02-29T10:00:00+05:00"},
    {"occurred_at": "2024-02-29T10:00:00.25-23:59"}, {"occurred_at": "2024-02-29T10:00:00+24:00"},
    {"occurred_at": "2024-02-29T10:00:00+0500"}, {"occurred_at": "2024-02-29T10:00:00+05:60"},
    {"occurred_at": "2024-02-29T10:00:00.+05:00"}, {"recorded_at": "yesterday"},
    {"recorded_at": "1899-12-31T00:00:00Z"}, {"returns": "\u0436"}, {"id": "\u0436\u0007"},
    {"occurred_at": "2024-03-31 01:30:00"}, {"occurred_at": "2024-10-27 01:30:00"},
    {"occurred_at": "1899-12-31T00:00:00Z"}, {"occurred_at": ""}, {"member": ""},
    {"member": "ann\u00e9"}, {"id": ""}, {"id": "  "}, {"id": "\u0436"}, {"currency": "EUR"},
    {"recorded_at": "2024-05-01T00:00:00Z"}, {"unit": "nothing"}, {"points": "0"},
    {"points": "3"}, {"returns": "nowhere"}, {"outcome": "accepted"}, {"outcome": "perhaps"},
    {"source": "till"},
]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_whatever_stands_in_a_cell_is_judged_alike(form, tmp_path):
    """One odd cell after the other, each in an event of another member."""
    program = load(ROOT / "retail-starter" / "program.yaml")
    events = flat("retail-starter", 4, len(ODD))
    members = list(dict.fromkeys(each["member"] for each in events))
    for member, odd in zip(members, ODD, strict=True):
        own = [k for k, each in enumerate(events) if each["member"] == member]
        wanted = next(iter(odd))
        k = next((k for k in own if wanted in events[k]), own[len(own) // 2])
        events[k] = {**events[k], **odd}
    path = write(events, tmp_path, form)
    assert ran(program, path, "numba") == ran(program, path, "python")


@pytest.mark.parametrize(
    "text",
    [
        'id,member,type,occurred_at,amount\n1,"a, b",purchase,2024-01-01T00:00:00Z,5\n',
        "id;member;type;occurred_at;amount\n1;a;purchase;2024-01-01T00:00:00Z;5\n\n",
        "id,member,type,occurred_at,amount\n1,a,purchase,2024-01-01T00:00:00Z,5\n2,a\n",
        "\ufeffid,member,type,occurred_at,amount\n1,a,purchase,2024-01-01T00:00:00Z,5",
        "id,member,type,occurred_at,amount\r\n1,a,purchase,2024-01-01T00:00:00Z,5\r\n",
        "\nid,member,type,occurred_at,amount\n1,a,purchase,2024-01-01T00:00:00Z,5\n",
        "id,member,type,occurred_at\n1,a,purchase,2024-01-01T00:00:00Z\n",
        "id,member,type,occurred_at,amount\n",
        'id,member,type,occurred_at,amount\n"1","a ""b""",purchase,2024-01-01T00:00:00Z,"5"\n',
        'id,member,type,occurred_at,amount\n"1",a"b",purchase,2024-01-01T00:00:00Z,"5"\n',
        'id,member,type,occurred_at,amount\n1,"a"b,purchase,2024-01-01T00:00:00Z,5\n',
        'id,member,type,occurred_at,amount\n1,"a,purchase,2024-01-01T00:00:00Z,5\n2,b",x,y,z\n',
        'id,member,type,occurred_at,amount,x\n1,a,purchase,2024-01-01T00:00:00Z,5,"a\nb"\n',
        'id,member,type,occurred_at,amount,x\n1,a,purchase,2024-01-01T00:00:00Z,5,""\n',
    ],
)
def test_files_of_every_shape_are_judged_alike(text, tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    path = tmp_path / "events.csv"
    path.write_bytes(text.encode())
    assert ran(program, path, "numba") == ran(program, path, "python")


@pytest.mark.parametrize("engine", ["python", "numba"])
def test_a_file_without_a_column_that_every_event_has_is_no_history(engine, tmp_path):
    (tmp_path / "events.csv").write_text("id,customer,type,amount\n1,a,purchase,5\n")
    program = load(ROOT / "retail-starter" / "program.yaml")
    with pytest.raises(RequestError, match="no column member, occurred_at") as told:
        ran(program, tmp_path / "events.csv", engine)
    assert "It has id, customer, type, amount" in told.value.hint
    assert "--map" in told.value.hint


@pytest.mark.parametrize("line", [1, 2, 3000])
@pytest.mark.parametrize("engine", ["python", "numba"])
def test_a_file_in_another_encoding_is_named_with_the_line(line, engine, tmp_path):
    rows = [f"{n},Andr\u00e9,purchase,2024-01-01T00:00:00Z,5" for n in range(line)]
    rows[:-1] = [each.replace("\u00e9", "e") for each in rows[:-1]]
    path = tmp_path / "events.csv"
    path.write_bytes("\n".join(["id,member,type,occurred_at,amount", *rows]).encode("latin-1"))
    program = load(ROOT / "retail-starter" / "program.yaml")
    with pytest.raises(RequestError) as told:
        ran(program, path, engine)
    assert (told.value.code, told.value.where) == ("events-unreadable", f"{path}:{line + 1}")


@pytest.mark.parametrize(
    "odd",
    [
        '"amount": 5.10', '"amount": 5, "amount": 6', '"amount": 0.30000000000000001',
        '"amount": 1e1', '"amount": NaN', '"amount": true', '"amount": null', '"x": {"y": 1}',
        '"amount": 5} {', '"amount": "5", "x": "\\u0000"', '"amount": 5, "born": "2000-01-01"',
        '"amount": 5, "lines": [{"amount": 5}]',
    ],
)  # fmt: skip
def test_json_of_every_shape_is_judged_alike(odd, tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    path = tmp_path / "events.jsonl"
    rest = '"member": "a", "type": "purchase", "occurred_at": "2024-01-01T00:00:00Z"'
    lines = [f'{{"id": "{n}", {rest}, {each}}}' for n, each in enumerate(['"amount": 7', odd])]
    path.write_text("\n".join(lines) + "\n")
    assert ran(program, path, "numba") == ran(program, path, "python")


@pytest.mark.parametrize("engine", ["python", "numba"])
def test_a_number_is_the_same_text_in_every_form(engine, tmp_path):
    """A table keeps 5541 as 5541.0 where other rows of its column have nothing."""
    program = load(ROOT / "tbc-ertguli" / "program.yaml")
    events = [
        {"id": 1, "type": "product_opened", "product": "plan"},
        {"id": 2, "amount": 1000.0, "mcc": 5541, "network": "own", "instrument": "credit_gold"},
        {"id": 3, "type": "return", "amount": 900.0, "returns": 2},
        {"id": 4, "type": "redemption", "points": 1.0, "pays": 2},
    ]
    names = list(dict.fromkeys(name for each in events for name in each))
    columns = {name: pa.array([each.get(name) for each in events]) for name in names}
    for name in ("mcc", "returns", "pays"):
        columns[name] = columns[name].cast(pa.float64())
    columns["type"] = columns["type"].fill_null("purchase")
    columns["member"] = pa.array(["a"] * 4)
    columns["occurred_at"] = pa.array([f"2025-01-0{day}T10:00:00Z" for day in range(1, 5)])
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    words, lists, _, _ = ran(program, tmp_path / "events.parquet", engine)
    points = words["points"]["point"]
    assert (points["issued"], points["taken_back"], points["spent"]) == ("10.00", "9.00", "1.00")
    assert lists == [[], [], []]


def test_plain_files_are_read_as_columns(tmp_path):
    """Otherwise the tests above would compare the readers with themselves."""
    program = load(ROOT / "retail-starter" / "program.yaml")
    times = ("2024-03-01T10:00:00Z", "2024-03-02 10:00:00", "2024-03-03T10:00:00.25")
    events = [
        {"id": str(n), "member": f"m{n % 7}", "type": "purchase", "amount": f"{n}.50",
         "occurred_at": times[n % 3], "channel": "web" if n % 2 else ""}
        for n in range(100)
    ]  # fmt: skip
    for form in FORMS:
        path = write(events, tmp_path, form)
        found = native.run_files(program, find_files([path]), Options(), Ears())
        assert found is not None, form
        assert found.slow == 0, form


@pytest.mark.parametrize("engine", ["python", "numba"])
def test_every_member_has_a_row_whatever_became_of_its_events(engine, tmp_path):
    rows = [
        "1,taken,purchase,2024-01-01T00:00:00Z,5", "2,ignored,sneezed,2024-01-01T00:00:00Z,",
        "3,rejected,purchase,2024-01-01T00:00:00Z,-5", ",without_id,purchase,2024-01-01,5",
        "4,without_time,purchase,,5", "1,conflict,purchase,2024-01-01T00:00:00Z,6",
        "5,waits,return,2024-01-01T00:00:00Z,6", "6,refused,redemption,2024-01-01T00:00:00Z,6",
        "7,,purchase,2024-01-01T00:00:00Z,5",
    ]  # fmt: skip
    (tmp_path / "events.csv").write_text("\n".join(["id,member,type,occurred_at,amount", *rows]))
    program = load(ROOT / "retail-starter" / "program.yaml")
    _, _, members, _ = ran(program, tmp_path / "events.csv", engine)
    assert [each["member"] for each in members] == sorted(
        row.split(",")[1] for row in rows if row.split(",")[1]
    )


@pytest.mark.parametrize("name", ["retail-starter", "tbc-ertguli"])
def test_rows_of_lines_are_the_events_that_hold_them(name, tmp_path):
    """Also of one line: a row that names its line is a line, and can be returned as one."""
    program = load(ROOT / name / "program.yaml")
    events = history(name, random.Random(991), 3, months=14)
    named = {each.get("returns") for each in events if each["type"] == "return"}
    for each in events:
        if each["id"] in named and "amount" in each and each["type"] == "purchase":
            each["lines"] = [{"line": "1", "amount": each.pop("amount")}]
    rows = [
        {**{k: v for k, v in each.items() if k != "lines"}, **line}
        for each in events
        for line in each.get("lines", [{}])
    ]
    one = Kept(program)
    places = [Place("", row) for row in range(1, len(events) + 1)]
    play(program, Events(events, places, Report()), one, Options("python"))
    other = Kept(program)
    play(program, Files((write(rows, tmp_path, "csv"),)), other, Options("python"))
    assert {len(each["lines"]) for each in events if "lines" in each} >= {1, 2}
    assert other.members.to_pylist() == one.members.to_pylist()
    assert other.postings.to_pylist() == one.postings.to_pylist()
