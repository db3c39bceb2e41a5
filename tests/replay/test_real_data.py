"""Real files from end to end: every row accounted for, to the last penny."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import laurels
from laurels.replay.events import Events, read_events
from laurels.replay.mapping import load_mapping
from laurels.replay.options import Options
from laurels.replay.play import play
from laurels.replay.summary import summary
from laurels.replay.tables import Kept

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RETAIL = EXAMPLES / "data" / "online_retail.parquet"


@pytest.fixture(scope="module")
def retail() -> Events:
    mapping = load_mapping(EXAMPLES / "online-retail" / "mapping.yaml")
    return read_events([RETAIL], mapping, zone="Europe/London")


def lines(body: dict[str, object]) -> list[dict[str, object]]:
    return body.get("lines", [body])  # type: ignore[return-value]


def test_what_becomes_of_every_row(retail: Events) -> None:
    report = retail.report
    purchases = [line for body in retail if body["type"] == "purchase" for line in lines(body)]
    assert report.rows == 525_461
    assert report.skipped == {
        "no-customer": 107_927,
        "adjustment": 811,
        "postage-or-fee": 973,
        "test-row": 16,
        "zero-price": 28,
    }
    assert report.rejected_by_reason() == {"amount-not-exact": 14}, "cushion pads at 0.001"
    assert report.duplicates == 6_765
    placed = len(purchases) + report.returns.lines
    assert placed + 14 + 6_765 + sum(report.skipped.values()) == report.rows


def test_returns_find_their_purchases(retail: Events) -> None:
    told = retail.report.returns
    assert (told.lines, told.matched, told.partly, told.unmatched) == (9_373, 7_866, 82, 1_425)
    assert (told.size, told.size_matched) == (208_488, 197_350)
    assert told.events == 8_095, "one for each line of each purchase"
    assert Counter(each.reason for each in retail.report.unmatched) == {
        "no-purchase": 971,
        "purchase-later": 417,
        "already-returned": 119,
    }
    returned = sum(Decimal(each.quantity) for each in retail.report.unmatched)
    assert returned + told.size_matched == told.size


def test_what_came_back_is_taken_off_to_the_last_penny(retail: Events) -> None:
    program = laurels.load(EXAMPLES.parent / "programs" / "retail-starter" / "program.yaml")
    result = play(program, retail, Kept(program), Options(postings=False))
    told = summary(result)
    assert told["revenue"]["returned"] == str(retail.report.returns.amount_matched)  # type: ignore[index]
    assert not result.cut


def test_every_return_names_an_earlier_purchase_of_the_same_member(retail: Events) -> None:
    purchases = {body["id"]: body for body in retail if body["type"] == "purchase"}
    left = {
        (body["id"], line["line"]): Decimal(str(line["quantity"]))
        for body in purchases.values()
        for line in lines(body)
    }
    items = {
        (body["id"], line["line"]): line["item"]
        for body in purchases.values()
        for line in lines(body)
    }
    for body in retail:
        if body["type"] == "return":
            purchase = purchases[body["returns"]]
            assert purchase["member"] == body["member"]
            assert str(purchase["occurred_at"]) <= str(body["occurred_at"])
            for line in lines(body):
                place = (body["returns"], line["line"])
                assert items[place] == line["item"]
                left[place] -= Decimal(str(line["quantity"]))
    assert min(left.values()) >= 0


def test_the_money_is_that_of_the_file(retail: Events) -> None:
    """Purchases beside the sum made of the file itself, in thousandths of a pound."""
    ours = sum(
        Decimal(str(line["amount"]))
        for body in retail
        if body["type"] == "purchase"
        for line in lines(body)
    )
    rows = zip(*(column.to_pylist() for column in pq.read_table(RETAIL).columns), strict=True)
    other = {"ADJUST", "ADJUST2", "B", "D", "M", "m", "S"}
    other |= {"AMAZONFEE", "BANK CHARGES", "C2", "DOT", "POST", "TEST001", "TEST002"}
    wanted = sum(
        round(price * 1000) * units
        for invoice, item, _, units, _, price, customer, _ in dict.fromkeys(rows)
        if customer is not None and item not in other and price > 0 and invoice[0] != "C"
        if round(price * 1000) * units % 10 == 0
    )
    assert ours == Decimal(wanted) / 1000


def test_the_shipped_file_is_the_published_one_and_small(retail: Events) -> None:
    assert RETAIL.stat().st_size < 4_000_000
    assert pq.read_metadata(RETAIL).num_rows == 525_461
    assert "10.24432/C5CG6D" in (EXAMPLES / "data" / "README.md").read_text("utf-8")


def test_blank_separated_purchases(tmp_path: Path) -> None:
    """Rows laid out as CDNOW's are; the file itself is not ours to ship."""
    path = tmp_path / "master.txt"
    path.write_text(
        " customer_id  date number_of_cds  dollar_value\n"
        " 00001 19970101  1   11.77\n"
        " 00002 19970112  1   12.00\n"
        " 00002 19970112  5   77.00\n"
        " 00003 19970230  1    9.00\n"
    )
    found = read_events([path], load_mapping(EXAMPLES / "cdnow" / "mapping.yaml"))
    assert [(body["id"], len(lines(body))) for body in found] == [
        ("00001-19970101", 1),
        ("00002-19970112", 2),
    ]
    assert [(bad.row, bad.column) for bad in found.report.rejected] == [(4, "date")]
