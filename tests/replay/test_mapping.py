"""The mapping file: what its words mean, and what is said when it is wrong."""

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from laurels.base.errors import ProgramError, RequestError
from laurels.replay.mapping import BadCell, Mapped, load_mapping, parse_mapping
from laurels.replay.readers import Row

EVENT = """
event:
  id: "{Invoice}"
  member: Customer
  type: {value: purchase}
  occurred_at: {column: Day, format: "%d.%m.%Y"}
"""


def row(**cells: object) -> Row:
    return Row("shop/e.csv", 7, 8, {"Invoice": "1", "Customer": "c", "Day": "29.02.2024", **cells})


def apply(extra: str, **cells: object) -> dict[str, object]:
    """The event of a row, under EVENT with one more line."""
    found = parse_mapping(EVENT + extra).apply(row(**cells))
    assert isinstance(found, Mapped)
    return found.event


def findings(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(ProgramError) as caught:
        parse_mapping(text)
    return [(each.code, each.line, each.column) for each in caught.value.findings]


@pytest.mark.parametrize(
    ("value", "cells", "expected"),
    [
        ("Shop", {"Shop": " Wien "}, "Wien"),
        ("Shop", {"Shop": 13085.0}, "13085"),
        ("Shop", {"Shop": 2.95}, "2.95"),
        ("Shop", {"Shop": Decimal("2.50")}, "2.5"),
        ("Shop", {"Shop": True}, "true"),
        ("Shop", {"Shop": float("nan")}, None),
        ("Shop", {}, None),
        ('"{Invoice}-{Shop}"', {"Shop": "a"}, "1-a"),
        ('"{Invoice}-{Shop}"', {"Shop": ""}, None),
        ('"{#file}-{#row}"', {}, "e-7"),
        ("{value: GBP}", {}, "GBP"),
        ("{column: Shop, values: {EIRE: Ireland}, default: none}", {"Shop": "EIRE"}, "Ireland"),
        ("{column: Shop, values: {EIRE: Ireland}, default: none}", {"Shop": "UK"}, "UK"),
        ("{column: Shop, default: none}", {"Shop": " "}, "none"),
        ("{template: '{Day} {Hour}', format: '%d.%m.%Y %H'}", {"Hour": 9}, "2024-02-29T09:00:00"),
        ("{column: At, format: '%Y%m%d%z'}", {"At": "20240229+0500"}, "2024-02-28T19:00:00Z"),
        ("{product: [Q, P]}", {"Q": 12, "P": 6.95}, "83.40"),
        ("{product: [Q, P]}", {"Q": "3", "P": "0.10"}, "0.30"),
        ("{product: [Q, P]}", {"Q": 3, "P": 0.1}, "0.30"),
        ("{product: [Q, P]}", {"Q": 3, "P": None}, None),
        ("{choose: [{when: {Shop: a}, value: A}, {value: other}]}", {"Shop": "a"}, "A"),
        ("{choose: [{when: {Shop: a}, value: A}, {value: other}]}", {"Shop": "b"}, "other"),
    ],
)
def test_values(value: str, cells: dict[str, object], expected: str | None) -> None:
    assert apply(f"  thing: {value}", **cells).get("thing") == expected


@pytest.mark.parametrize(
    ("condition", "cell", "holds"),
    [
        ("empty", None, True),
        ("empty", float("nan"), True),
        ("empty", 0, False),
        ("present", "x", True),
        ('"empty"', "empty", True),
        ("C1", "C1", True),
        ("[A, B]", "B", True),
        ("[A, B]", "C", False),
        ("{in: [A]}", "A", True),
        ("{not_in: [A]}", "A", False),
        ("{starts_with: C}", "C12", True),
        ("{ends_with: C}", "C12", False),
        ("{contains: '1'}", "C12", True),
        ("{pattern: 'C[0-9]+'}", "C12", True),
        ("{pattern: 'C[0-9]'}", "C12", False),
        ("{equals: 0}", 0.0, True),
        ("{not_equals: a}", "b", True),
        ("{below: 0}", -0.01, True),
        ("{below: 0}", "-1", True),
        ("{below: 0}", None, False),
        ("{below: 0}", "many", False),
        ("{at_least: 1, at_most: 3}", 3, True),
        ("{above: 0.1}", 0.1, False),
        ("{above: 0}", ["nested"], False),
    ],
)
def test_conditions(condition: str, cell: object, holds: bool) -> None:
    mapping = parse_mapping(f"skip: [{{reason: yes, when: {{X: {condition}}}}}]\n" + EVENT)
    assert (mapping.apply(row(X=cell)) == "yes") is holds


def test_any_and_not_and_the_first_reason_that_holds() -> None:
    text = """
skip:
  - {reason: first, when: {any: [{A: x}, {B: x}]}}
  - {reason: second, when: {not: {C: x}, D: y}}
"""
    mapping = parse_mapping(text + EVENT)
    assert mapping.apply(row(A="", B="x", D="y")) == "first"
    assert mapping.apply(row(D="y", C="z")) == "second"
    assert isinstance(mapping.apply(row(D="y", C="x")), Mapped)


@pytest.mark.parametrize(
    ("extra", "cells", "reason", "column"),
    [
        ("", {"Invoice": ""}, "id-missing", "Invoice"),
        ("", {"Customer": None}, "member-missing", "Customer"),
        ("", {"Day": "30.02.2024"}, "time-unreadable", "Day"),
        ("", {"Day": ""}, "occurred-at-missing", "Day"),
        ("  recorded_at: At", {"At": "yesterday"}, "time-invalid", "At"),
        ("  recorded_at: At", {"At": "2024-01-01T00:00:00.1234567"}, "time-too-fine", "At"),
        ("  amount: {product: [Q, P]}", {"Q": 1, "P": 0.001}, "amount-not-exact", "Q, P"),
        ("  amount: {product: [Q, P]}", {"Q": 1, "P": 0.1 + 0.2}, "amount-not-exact", "Q, P"),
        ("  amount: {product: [Q, P]}", {"Q": "1_0", "P": 1}, "number-unreadable", "Q, P"),
        ("  amount: {product: [Q, P]}", {"Q": "1e99999999", "P": 1}, "number-too-long", "Q, P"),
        ("  amount: {product: [Q, P]}", {"Q": -1, "P": 2}, "amount-negative", "Q, P"),
        ("  amount: {product: [Q, P]}", {"Q": [1], "P": 2}, "number-unreadable", "Q, P"),
        ("  item: Item", {"Item": b"raw"}, "value-not-text", "Item"),
        ("  item: Item", {"Item": {"a": 1}}, "value-not-text", "Item"),
    ],
)
def test_bad_cells_are_named(
    extra: str, cells: dict[str, object], reason: str, column: str
) -> None:
    with pytest.raises(BadCell) as caught:
        parse_mapping(EVENT + extra).apply(row(**cells))
    assert (caught.value.reason, caught.value.column) == (reason, column)
    assert caught.value.expected


def test_returns_that_are_written_below_zero() -> None:
    text = (
        EVENT.replace("{value: purchase}", "Type")
        + "lines: {line: {count: rows}, quantity: Q}\n"
        + "returns: {match: [member], written: negative}\n"
    )
    mapping = parse_mapping(text)
    found = mapping.apply(row(Type="return", Q=-3))
    assert isinstance(found, Mapped)
    assert found.line == {"quantity": "3"}
    for cells, reason in (
        ({"Type": "return", "Q": 3}, "quantity-sign"),
        ({"Type": "purchase", "Q": -3}, "quantity-negative"),
    ):
        with pytest.raises(BadCell) as caught:
            mapping.apply(row(**cells))
        assert caught.value.reason == reason


def test_equal_cells_of_other_types_are_other_events() -> None:
    mapping = parse_mapping(EVENT.replace('"{Invoice}"', "Invoice") + "lines: {line: Line}\n")
    members = [mapping.apply(row(Customer=value, Line="1")) for value in (1, True, 1.0)]
    found = [each.event["member"] for each in members if isinstance(each, Mapped)]
    assert found == ["1", "true", "1"]


def test_all_findings_at_once_with_their_places() -> None:
    text = """skipp: []
"""
    assert findings(text) == [("mapping-key-unknown", 1, 1)]
    text = """
skip:
  - {reason: a, when: {X: {belov: 0}}}
duplicates: remove
event:
  id: "{Invoice"
  member: {column: A, value: B}
  type: {value: purchase}
  occurred_at: {column: Day, format: Day}
  amount: Sum
lines:
  amount: Sum
returns:
  match: [member, itm]
  within: a year
"""
    assert findings(text) == [
        ("mapping-key-unknown", 3, 28),
        ("mapping-value-wrong", 4, 13),
        ("mapping-value-wrong", 6, 7),
        ("mapping-value-wrong", 7, 11),
        ("mapping-value-wrong", 9, 38),
        ("mapping-value-wrong", 10, 3),
        ("mapping-key-missing", 12, 3),
        ("mapping-key-missing", 14, 3),
        ("mapping-value-wrong", 14, 19),
        ("mapping-value-wrong", 15, 11),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "just words", "[1, 2]", "a: &a [*a]", "event: {? [x] : y}", "%", "event:\n\t- a"],
)
def test_what_is_no_mapping_is_a_finding(text: str) -> None:
    assert findings(text)


def test_a_document_that_unfolds_for_ever_is_stopped() -> None:
    rounds = "\n".join(
        f"  - &a{n} {{any: [{', '.join([f'*a{n - 1}'] * 9)}]}}" if n else "  - &a0 {X: empty}"
        for n in range(9)
    )
    assert findings(f"skip:\n{rounds.replace('- &', '- &')}\nevent: {{}}")


@given(st.text(max_size=200))
def test_no_text_crashes_the_loader(text: str) -> None:
    try:
        parse_mapping(text)
    except ProgramError as error:
        assert error.findings


WORDS = st.sampled_from(
    "read delimiter header decimals skip reason when any not in pattern [ below event lines id"
    " member type occurred_at line amount column value product choose format values default count"
    " rows returns match take within by written empty {x} {#row} %Y 2 latest quantity".split()
)
TREES = st.recursive(
    WORDS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


@given(TREES, st.dictionaries(WORDS, TREES, max_size=6))
def test_no_document_crashes_the_loader_nor_the_rows(tree: object, parts: dict) -> None:
    for document in (tree, parts, {**parts, "event": tree}):
        try:
            mapping = parse_mapping(yaml.safe_dump(document))
        except ProgramError as error:
            assert error.findings
            continue
        with contextlib.suppress(BadCell):
            mapping.apply(row())


def test_missing_columns_are_named_with_the_nearest() -> None:
    mapping = parse_mapping(EVENT + "  item: StokCode\n", "m.yaml")
    with pytest.raises(ProgramError) as caught:
        mapping.check_columns(["Invoice", "customer", "Day", "StockCode"], "e.csv")
    assert [(each.line, each.column, each.hint) for each in caught.value.findings] == [
        (4, 11, "did you mean 'customer'?"),
        (7, 9, "did you mean 'StockCode'?"),
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for content in (None, b"\xff\xfea", b"#" * (2 << 20)):
        path = tmp_path / "m.yaml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RequestError) as caught:
            load_mapping(path)
        assert caught.value.code == "mapping-unreadable"
