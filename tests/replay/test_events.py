"""Rows become events: lines, duplicates, conflicts, returns; every row ends in one place."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.base.errors import ProgramError, RequestError
from laurels.replay.events import Events, read_events
from laurels.replay.mapping import Mapping, parse_mapping

HEAD = "id,member,type,occurred_at,"
BASE = {"member": "m", "type": "purchase", "occurred_at": "2024-01-01"}

SHOP = """
skip:
  - {reason: no-customer, when: {customer: empty}}
event:
  id: invoice
  member: customer
  type: {choose: [{when: {invoice: {starts_with: C}}, value: return}, {value: purchase}]}
  occurred_at: day
lines:
  line: {count: rows}
  amount: {product: [units, price]}
  item: item
  quantity: units
returns:
  match: [member, item]
  written: negative
"""
SHOP_HEAD = "invoice,customer,day,item,units,price\n"


def events(folder: Path, text: str, mapping: str | None = None, **options: object) -> Events:
    path = folder / "e.csv"
    path.write_text(text, encoding="utf-8")
    found: Mapping | None = parse_mapping(mapping) if mapping else None
    return read_events([path], found, **options)  # type: ignore[arg-type]


def test_a_bare_row_is_an_event_and_empty_cells_are_absent(tmp_path: Path) -> None:
    found = events(tmp_path, HEAD + "amount,x\na,m,purchase,2024-01-01,12.30,\n")
    assert found.bodies == [{"id": "a", **BASE, "amount": "12.30"}]
    assert found.places[0].row == 1
    assert (found.report.rows, found.report.events, found.report.lines) == (1, 1, 1)


def test_rows_with_lines_are_one_event_wherever_they_stand(tmp_path: Path) -> None:
    text = (
        HEAD + "amount,line,category,channel\n"
        "a,m,purchase,2024-01-01,1.00,1,tea,pos\n"
        "b,m,purchase,2024-01-02,9.00,1,,pos\n"
        "a,m,purchase,2024-01-01,2.00,2,cup,pos\n"
    )
    found = events(tmp_path, text, line_attributes=frozenset({"category"}))
    assert found.bodies == [
        {
            "id": "a",
            **BASE,
            "channel": "pos",
            "lines": [
                {"amount": "1.00", "line": "1", "category": "tea"},
                {"amount": "2.00", "line": "2", "category": "cup"},
            ],
        },
        {
            "id": "b",
            **BASE,
            "occurred_at": "2024-01-02",
            "channel": "pos",
            "lines": [{"amount": "9.00", "line": "1"}],
        },
    ]
    assert found.report.lines == 3


def test_a_return_of_several_lines_is_a_return_of_each(tmp_path: Path) -> None:
    text = (
        HEAD + "amount,line,returns\nb,m,return,2024-01-02,1.00,2,a\n"
        "b,m,return,2024-01-02,2.00,3,a\nc,m,return,2024-01-02,,3,a\n"
    )
    found = events(tmp_path, text)
    assert [(each["id"], each["line"], each.get("amount")) for each in found.bodies] == [
        ("b/1", "2", "1.00"), ("b/2", "3", "2.00"), ("c", "3", None),
    ]  # fmt: skip
    assert [place.row for place in found.places] == [1, 2, 3]


def test_without_known_line_attributes_what_all_lines_share_is_the_events_too(
    tmp_path: Path,
) -> None:
    text = (
        HEAD + "amount,line,category,channel\n"
        "a,m,purchase,2024-01-01,1.00,1,tea,pos\na,m,purchase,2024-01-01,1.00,2,cup,pos\n"
    )
    body = events(tmp_path, text).bodies[0]
    assert body["channel"] == "pos"
    assert "category" not in body
    assert body["lines"] == [
        {"amount": "1.00", "line": "1", "category": "tea", "channel": "pos"},
        {"amount": "1.00", "line": "2", "category": "cup", "channel": "pos"},
    ]


@pytest.mark.parametrize(
    ("second", "duplicates", "column"),
    [
        ("a,m,purchase,2024-01-01,1.00,1,s", 1, None),
        ("a,m,purchase,2024-01-01,1.00,1,other", 0, None),
        ("a,m,purchase,2024-01-01,9.99,1,s", 0, "amount"),
        ("a,n,purchase,2024-01-01,1.00,2,s", 0, "member"),
        ("a,m,purchase,2024-01-01,1.00,,s", 0, "amount"),
    ],
)
def test_the_same_identity_again(
    tmp_path: Path, second: str, duplicates: int, column: str | None
) -> None:
    first = "a,m,purchase,2024-01-01,1.00,1,s"
    found = events(tmp_path, f"{HEAD}amount,line,source\n{first}\n{second}\n")
    assert found.report.duplicates == duplicates
    rejected = [(bad.row, bad.column, bad.reason) for bad in found.report.rejected]
    assert rejected == ([(2, column, "event-id-conflict")] if column else [])
    assert found.bodies[0]["lines"] == [{"line": "1", "amount": "1.00"}]


def test_what_must_be_there(tmp_path: Path) -> None:
    text = HEAD + "amount\n,m,purchase,2024-01-01,1\na,,purchase,2024-01-01,1\na,m,,,\n"
    found = events(tmp_path, text)
    assert [(bad.column, bad.reason) for bad in found.report.rejected] == [
        ("id", "id-missing"),
        ("member", "member-missing"),
        ("type", "type-missing"),
    ]


def test_json_lines_may_hold_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    start = '{"id": 7, "member": 13085, "type": "purchase", "occurred_at": "2024-01-01", '
    path.write_text(
        start
        + '"lines": [{"line": "1", "amount": 1.50}]}\n'
        + start
        + '"lines": [{"line": "1", "amount": 1.50}]}\n'
        + start.replace("7", "8")
        + '"lines": 3}\n'
        + start.replace("7", "9")
        + '"channel": ["pos"]}\n'
    )
    found = read_events([path])
    assert found.bodies[0]["id"] == "7"
    assert found.bodies[0]["member"] == "13085"
    assert found.bodies[0]["lines"] == [{"line": "1", "amount": Decimal("1.50")}]
    assert found.report.duplicates == 1
    assert [bad.reason for bad in found.report.rejected] == ["lines-unreadable", "value-not-text"]


def test_a_return_finds_its_purchases(tmp_path: Path) -> None:
    text = SHOP_HEAD + (
        "1,ann,2024-01-01,tea,5,2.00\n"
        "1,ann,2024-01-01,cup,1,7.50\n"
        "2,ann,2024-01-02,tea,3,2.50\n"
        "3,bob,2024-01-02,tea,9,2.00\n"
        "C4,ann,2024-01-03,tea,-4,2.00\n"
        "C4,ann,2024-01-03,cup,-2,7.50\n"
        "C5,ann,2024-01-03,hat,-1,7.50\n"
        "5,,2024-01-03,tea,1,2.00\n"
    )
    found = events(tmp_path, text, SHOP)
    returns = [body for body in found if body["type"] == "return"]
    assert [(each["id"], each["returns"]) for each in returns] == [
        ("C4/1", "2"), ("C4/2", "1"), ("C4/3", "1"),
    ]  # fmt: skip
    assert {name: returns[0][name] for name in ("line", "item", "quantity", "amount")} == {
        "line": "1",
        "item": "tea",
        "quantity": "3",
        "amount": "6.00",
    }
    names = ("line", "item", "quantity", "amount")
    assert [tuple(each[name] for name in names) for each in returns[1:]] == [
        ("1", "tea", "1", "2.00"), ("2", "cup", "1", "7.50"),
    ]  # fmt: skip
    unmatched = [(each.row, each.id, each.key, each.quantity) for each in found.report.unmatched]
    assert unmatched == [(6, "C4", "item=cup", "1"), (7, "C5", "item=hat", "1")]
    assert [each.amount for each in found.report.unmatched] == ["7.50", "7.50"]
    assert [each.reason for each in found.report.unmatched] == ["already-returned", "no-purchase"]
    assert found.report.skipped == {"no-customer": 1}
    told = found.report.returns
    assert (told.lines, told.matched, told.partly, told.unmatched) == (3, 1, 1, 1)
    assert (told.size, told.size_matched) == (7, 5)
    assert (told.amount_stated, told.amount_matched) == (Decimal("15.50"), Decimal("15.50"))


def test_what_a_return_gives_back_is_stated_or_what_was_paid(tmp_path: Path) -> None:
    text = SHOP_HEAD + "1,ann,2024-01-01,tea,3,0.10\nC2,ann,2024-01-02,tea,-1,0.25\n"
    text += "C3,ann,2024-01-03,tea,-2,0.25\n"
    amounts = [body.get("amount") for body in events(tmp_path, text, SHOP)]
    assert amounts == [None, "0.25", "0.05"], "never more than is left of the line"
    bought = SHOP.replace("written: negative", "written: negative\n  value: bought")
    amounts = [body.get("amount") for body in events(tmp_path, text, bought)]
    assert amounts == [None, "0.10", "0.20"]


def test_returns_by_amount_and_from_the_oldest(tmp_path: Path) -> None:
    mapping = SHOP.replace("written: negative", "written: negative\n  by: amount\n  take: oldest")
    text = (
        SHOP_HEAD
        + "1,ann,2024-01-01,tea,1,5\n2,ann,2024-01-02,tea,1,5\nC3,ann,2024-01-03,tea,-1,8\n"
    )
    found = events(tmp_path, text, mapping)
    assert [(b["id"], b["returns"], b["amount"]) for b in found if b["type"] == "return"] == [
        ("C3/1", "1", "5.00"),
        ("C3/2", "2", "3.00"),
    ]


def test_returns_of_nothing_are_rejected(tmp_path: Path) -> None:
    found = events(tmp_path, SHOP_HEAD + "C1,ann,2024-01-01,tea,0,2.00\n", SHOP)
    assert [bad.reason for bad in found.report.rejected] == ["quantity-not-positive"]
    assert not found.bodies


@pytest.mark.parametrize(("policy", "lines"), [("keep", 3), ("drop", 2)])
def test_equal_rows(tmp_path: Path, policy: str, lines: int) -> None:
    row = "1,ann,2024-01-01,tea,5,2.00\n"
    found = events(
        tmp_path, SHOP_HEAD + row + row + row.replace("5", "6"), f"duplicates: {policy}" + SHOP
    )
    assert found.report.lines == lines
    assert found.report.duplicates == 3 - lines


@pytest.mark.parametrize(
    ("policy", "time"), [("earliest", "2024-01-01T09:59:00"), ("latest", "2024-01-01T10:00:00")]
)
def test_an_event_with_two_times(tmp_path: Path, policy: str, time: str) -> None:
    text = SHOP_HEAD + "".join(
        f"1,ann,2024-01-01T{at},tea,1,2.00\n" for at in ("10:00:00", "09:59:00", "10:00:00")
    )
    found = events(tmp_path, text, f"times_differ: {policy}" + SHOP)
    assert found.bodies[0]["occurred_at"] == time
    assert found.report.lines == 3
    strict = events(tmp_path, text, SHOP)
    assert [bad.row for bad in strict.report.rejected] == [2]


def test_a_mapping_for_another_file_and_an_unknown_zone(tmp_path: Path) -> None:
    with pytest.raises(ProgramError) as caught:
        events(tmp_path, "Invoice,customer,day,item,units,price\n", SHOP)
    assert caught.value.findings[0].hint == "did you mean 'Invoice'?"
    with pytest.raises(RequestError):
        events(tmp_path, HEAD + "\n", zone="Mars/Base")


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "C4", "C5"]),
        st.sampled_from(["ann", "ann", "bob", ""]),
        st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-03", "soon"]),
        st.sampled_from(["tea", "cup"]),
        st.sampled_from(["-3", "-1", "0", "1", "2", "x"]),
        st.sampled_from(["2.00", "0.25", "0.001", ""]),
    ),
    max_size=20,
)


@given(ROWS, st.sampled_from(["keep", "drop"]), st.sampled_from(["stated", "bought"]))
def test_every_row_ends_in_one_place(
    tmp_path_factory: pytest.TempPathFactory, rows: list, policy: str, value: str
) -> None:
    mapping = f"duplicates: {policy}" + SHOP + f"  value: {value}\n"
    text = SHOP_HEAD + "".join(",".join(cells) + "\n" for cells in rows)
    found = events(tmp_path_factory.mktemp("any"), text, mapping)
    report = found.report
    assert report.rows == len(rows)

    purchases = {str(body["id"]): body for body in found if body["type"] == "purchase"}
    lines = [line for body in purchases.values() for line in body.get("lines", [body])]  # type: ignore[attr-defined]
    placed = len(lines) + report.returns.lines + report.duplicates
    assert placed + len(report.rejected) + sum(report.skipped.values()) == report.rows

    given_back: Counter[tuple[str, str]] = Counter()
    units: Counter[tuple[str, str]] = Counter()
    for body in found:
        if body["type"] == "return":
            for line in body.get("lines", [body]):  # type: ignore[attr-defined]
                place = (str(body["returns"]), str(line["line"]))
                given_back[place] += Decimal(line.get("amount", "0"))
                units[place] += Decimal(line["quantity"])
    for (event, name), amount in given_back.items():
        line = {
            str(each["line"]): each for each in purchases[event].get("lines", [purchases[event]])
        }[name]  # type: ignore[attr-defined]
        assert amount <= Decimal(line.get("amount", "0"))
        assert units[(event, name)] <= Decimal(line["quantity"])
    assert sum(units.values()) == report.returns.size_matched
    ids = [(body.get("source"), body["id"]) for body in found]
    assert len(set(ids)) == len(ids)
