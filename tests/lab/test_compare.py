"""One history under two programs: what it costs, who gains and loses, and why."""

import os
import random
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from laurels.base.errors import ProgramError, RequestError
from laurels.lab import members as M
from laurels.lab.compare import compare
from laurels.lab.grid import axis, cells, grid, sides
from laurels.lab.pair import pair, side
from laurels.lab.twice import REDEMPTIONS
from laurels.replay.options import ENGINES, Ears, Options
from laurels.replay.raw import Events, Place, Report
from laurels.replay.run import replay
from laurels.replay.summary import summary
from oracles.histories import PROGRAMS as NAMES
from oracles.histories import history

ROOT = Path(__file__).parent.parent.parent / "programs"
ONLINE = Options("python")

SHOP = """
program: shop
zone: UTC
currency: EUR
units: {point: {worth: 0.5}}
events:
  purchase: {amount: required, attributes: {partner: text, shop: text}}
versions:
  - version: 1
    metrics:
      spend: {of: purchase, sum: event.amount, window: month}
    ladders:
      tier:
        period: month
        rises: at_close
        levels:
          silver: {spend: 100}
    rules:
      base: {on: purchase, give: {rate: {by: level.tier, silver: 200%, otherwise: 100%}}}
    caps:
      top: {rules: base, at_most: 1000}
    expires: 2 months
"""


def events_of(rows):
    return Events(list(rows), [Place("", row) for row, _ in enumerate(rows, 1)], Report())


def bought(member, day, amount, **more):
    return {"id": f"{member}-{day}", "member": member, "type": "purchase", "amount": str(amount),
            "occurred_at": f"{day}T12:00:00Z", **more}  # fmt: skip


def spent(member, day, points, **more):
    return {"id": f"{member}-{day}-r", "member": member, "type": "redemption",
            "points": str(points), "occurred_at": f"{day}T12:00:00Z", **more}  # fmt: skip


@pytest.fixture
def shop(tmp_path):
    """Compares the shop with itself changed."""
    path = tmp_path / "program.yaml"
    path.write_text(SHOP)

    def compared(rows, *settings, **asked):
        both = pair(side(str(path)), side(str(path), settings))
        return compare(both, events_of(rows), options=ONLINE, **asked)

    return compared


HISTORY = [
    bought("anna", "2025-01-10", 120), bought("anna", "2025-02-10", 50),
    bought("boris", "2025-01-10", 80), bought("boris", "2025-02-10", 60),
    bought("cyril", "2025-01-10", 10),
]  # fmt: skip


def test_equal_programs_make_no_difference(shop):
    data = shop(HISTORY).data
    assert data["changes"] == []
    assert (data["gains"]["gain"], data["gains"]["lose"], data["gains"]["same"]) == (0, 0, 3)
    assert data["cost"]["point"]["cost"]["difference"] == "0.00"
    assert data["affected"] == []


def test_a_lower_threshold_costs_what_its_members_gain(shop):
    found = shop(HISTORY, "ladders.tier.silver.spend=70")
    data = found.data
    # boris is silver in February: 120 points instead of 60
    assert data["points"]["point"]["issued"] == {"old": "370", "new": "430", "difference": "60"}
    assert data["cost"]["point"]["cost"]["difference"] == "30.00"
    assert data["gains"]["gain"] == 1
    assert data["gains"]["total"] == "30.00"
    assert found.table.names.to_pylist() == ["anna", "boris", "cyril"]
    assert [row["month"] for row in data["months"]] == ["2025-01", "2025-02"]
    february = data["months"][1]["cost"]["point"]
    assert february["cost"] == {"old": "80.00", "new": "110.00", "difference": "30.00"}
    assert february["outstanding"]["difference"] == "30.00"


def test_the_rules_explain_the_whole_difference(shop):
    data = shop(
        HISTORY,
        "ladders.tier.silver.spend=70",
        "rules.extra={on: purchase, when: event.partner == '', give: {points: 5}}",
    ).data
    rules = {row["rule"]: row["points"]["difference"] for row in data["rules"]}
    assert rules == {"base": "60", "extra": "25"}
    issued = Decimal(data["points"]["point"]["issued"]["difference"])
    assert sum(map(Decimal, rules.values())) == issued


def test_levels_say_who_rises_and_for_how_long(shop):
    data = shop(HISTORY, "ladders.tier.silver.spend=70").data
    ladder = data["levels"]["tier"]
    assert (ladder["rise"], ladder["fall"], ladder["same"]) == (1, 0, 2)
    assert {"old": None, "new": "silver", "members": 1, "value": "30.00"} in ladder["movements"]
    silver = next(row for row in ladder["over_time"] if row["level"] == "silver")
    assert silver["member_months"] == {"old": 1, "new": 2, "difference": 1}
    assert silver["issued"]["point"]["difference"] == "120"


def test_caps_say_what_they_took_off(shop):
    (row,) = shop(HISTORY, "caps.top.at_most=100").data["caps"]
    assert row["cap"] == "top"
    assert row["cut"] == {"old": "0", "new": "20", "difference": "20"}
    assert row["worth"]["new"] == "10.00"


def test_a_shorter_life_of_points_makes_losers(shop):
    rows = [*HISTORY, bought("cyril", "2025-02-20", 10)]
    data = shop(rows, "expires=1 month").data
    assert data["points"]["point"]["issued"]["difference"] == "0"
    assert data["gains"]["lose"] == 3
    assert data["gains"]["lost"] == "105.00"


def test_a_redemption_that_is_a_fact_runs_into_debt(shop):
    rows = [bought("anna", "2025-01-10", 100), spent("anna", "2025-01-20", 80)]
    data = shop(rows, "rules.base.give.rate.otherwise=50%", redemptions="facts").data
    assert data["points"]["point"]["spent"]["new"] == "80"
    assert data["redemptions"]["new"] == {"accepted": 1, "refused": 0, "debt": {"point": "30"}}
    assert "facts" in data["redemptions"]["said"]


def test_what_was_refused_stays_refused_where_redemptions_are_facts(shop):
    rows = [bought("anna", "2025-01-10", 50), spent("anna", "2025-01-20", 80)]
    facts = shop(rows, "rules.base.give.rate.otherwise=200%", redemptions="facts").data
    assert facts["redemptions"]["new"]["refused"] == 1
    again = shop(rows, "rules.base.give.rate.otherwise=200%", redemptions="requests").data
    assert again["redemptions"]["old"]["refused"] == 1
    assert again["redemptions"]["new"] == {"accepted": 1, "refused": 0, "debt": {"point": "0"}}


def test_requests_leave_recorded_outcomes_aside(shop):
    rows = [bought("anna", "2025-01-10", 50), spent("anna", "2025-01-20", 80, outcome="accepted")]
    facts = shop(rows, "rules.base.give.rate.otherwise=50%", redemptions="facts").data
    assert facts["redemptions"]["old"]["debt"] == {"point": "30"}
    again = shop(rows, "rules.base.give.rate.otherwise=50%", redemptions="requests").data
    assert again["redemptions"]["old"] == {"accepted": 0, "refused": 1, "debt": {"point": "0"}}


def test_a_cut_redemption_is_a_fact_of_what_was_accepted(shop, tmp_path):
    limit = "spending.part={at_most: 30, on_breach: clip}"
    rows = [bought("anna", "2025-01-10", 50), spent("anna", "2025-01-20", 80)]
    path = tmp_path / "program.yaml"
    both = pair(side(str(path), [limit]), side(str(path)))
    data = compare(both, events_of(rows), options=ONLINE).data
    assert data["points"]["point"]["spent"] == {"old": "30", "new": "30", "difference": "0"}


def test_the_members_affected_most_are_explained_by_both(shop):
    data = shop(HISTORY, "ladders.tier.silver.spend=70").data
    (one,) = data["affected"]
    assert (one["member"], one["difference"]) == ("boris", "30.00")
    assert one["levels"]["tier"] == {"old": None, "new": "silver"}
    (event,) = one["events"]
    assert event["event"] == "boris-2025-02-10"
    assert "earned 60 points: 100 %" in event["old"][0]
    assert "earned 120 points: 200 % (tier silver)" in event["new"][0]


def test_two_versions_of_one_file():
    file = ROOT / "kaspi-bonus" / "program.yaml"
    both = pair(side(f"{file}@1"), side(f"{file}@2"))
    rows = history("kaspi-bonus", random.Random(2), 8, months=6)
    data = compare(both, events_of(rows), options=ONLINE).data
    assert data["changes"][0]["path"] == "rules.universal"
    rules = {row["rule"]: row["points"]["new"] for row in data["rules"]}
    assert rules["universal"] is None


CHANGES = {
    "halyk-plus": "ladders.category.c3.spend=200000",
    "kaspi-bonus": "versions.1.rules.universal.give.rate=2%",
    "tele2-bolshe": "expires=6 months",
    "rostelecom-bonus": "ladders.status.privilege.sum=8000",
    "tbc-ertguli": "caps.fuel.at_most=5",
    "mired-coalition": "expires=6 months",
    "retail-starter": "ladders.club.silver.spend=300",
}


LONG = bool(os.environ.get("LAURELS_LONG"))
SOME = [("halyk-plus", "facts"), ("kaspi-bonus", "requests"), ("rostelecom-bonus", "facts"),
        ("retail-starter", "requests")]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "redemptions"), list(product(NAMES, REDEMPTIONS)) if LONG else SOME
)
def test_both_engines_compare_alike_and_members_add_up(name, redemptions):
    file = str(ROOT / name / "program.yaml")
    both = pair(side(file), side(file, [CHANGES[name]]))
    assert both.changes
    rows = events_of(history(name, random.Random(21), 8, months=14))
    found = [compare(both, rows, redemptions, Options(each)) for each in ENGINES]
    datas = [dict(each.data) for each in found]
    for data in datas:
        data.pop("run")
    assert datas[0] == datas[1]
    # members together keep what the books say
    table, data = found[0].table, datas[0]
    for unit, books in data["points"].items():
        for which in ("old", "new"):
            kept = sum(table.points[unit, "kept", which].tolist())
            scale = table.units[unit].scale
            said = (Decimal(books["issued"][which]) - Decimal(books["taken_back"][which])
                    - Decimal(books["expired"][which]))  # fmt: skip
            assert Decimal(kept).scaleb(-scale) == said
    rules = Decimal(0)
    for row in data["rules"]:
        rules += Decimal(row["points"]["difference"])
    books = data["points"].values()
    assert rules == sum(
        Decimal(each["issued"]["difference"]) - Decimal(each["taken_back"]["difference"])
        for each in books
    )
    spread = [row["members"] for row in data["gains"]["distribution"]]
    assert sum(spread) == data["members"] == len(table)


def test_the_new_side_is_what_a_replay_of_the_changed_program_says(tmp_path):
    file = str(ROOT / "retail-starter" / "program.yaml")
    new = side(file, ["expires=3 months"])
    rows = [row for row in history("retail-starter", random.Random(4), 8, months=12)
            if row["type"] not in ("redemption", "hold", "capture", "void")]  # fmt: skip
    data = compare(pair(side(file), new), events_of(rows), options=ONLINE).data
    alone = summary(replay(new.program, rows))
    for unit, books in alone["points"].items():
        for line in ("issued", "expired", "taken_back"):
            assert data["points"][unit][line]["new"] == books[line]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency: EUR", "currency EUR and GBP"),
        ("zone: UTC", "zone UTC and Asia/Tokyo"),
        ("shop: text}", "attribute `shop` of `purchase` is text and integer"),
        ("units: {point: {", "unit `point` has another precision"),
    ],
)
def test_programs_that_read_a_history_differently_are_not_compared(tmp_path, text, said):
    other = {
        "currency: EUR": "currency: GBP",
        "zone: UTC": "zone: Asia/Tokyo",
        "shop: text}": "shop: integer}",
        "units: {point: {": "units: {point: {precision: 0.1, ",
    }
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(SHOP)
    new.write_text(SHOP.replace(text, other[text]))
    with pytest.raises(RequestError) as caught:
        pair(side(str(old)), side(str(new)))
    assert caught.value.code == "programs-not-comparable"
    assert said in caught.value.what


def test_a_grid_is_a_comparison_for_each_value(tmp_path, shop):
    path = tmp_path / "program.yaml"
    axes = [axis("ladders.tier.silver.spend=70,100,500"), axis("caps.top.at_most=90,1000")]
    found = list(grid(side(str(path)), sides(str(path), [], axes), events_of(HISTORY), "facts",
                      ONLINE, Ears()))  # fmt: skip
    assert len(found) == 6
    alone = shop(HISTORY, "ladders.tier.silver.spend=70", "caps.top.at_most=1000").data
    row = next(each for each in found if each["settings"] == [
        "ladders.tier.silver.spend=70", "caps.top.at_most=1000"])  # fmt: skip
    assert row["cost"] == alone["cost"]
    assert (row["gain"], row["lose"]) == (1, 0)
    assert row["levels"]["tier"]["members"] == {"": 1, "silver": 2}


def test_a_grid_that_is_too_large_or_tries_nothing_is_refused():
    with pytest.raises(RequestError, match="make 81 programs"):
        cells([axis(f"a{number}=1,2,3") for number in range(4)])
    with pytest.raises(RequestError, match="twice"):
        axis("a=1,1")
    with pytest.raises(RequestError, match="two grids"):
        cells([axis("a=1"), axis("a=2")])


def test_every_program_of_a_grid_is_checked_before_any_is_run(tmp_path, shop):
    with pytest.raises(ProgramError, match=r"--set ladders.tier.silver.spend=much"):
        sides(str(tmp_path / "program.yaml"), [], [axis("ladders.tier.silver.spend=70,much")])


def test_a_value_with_commas_inside_brackets_is_one():
    assert axis("rules.x.give={points: 1, per: 2},{rate: 1%}").values == (
        "{points: 1, per: 2}", "{rate: 1%}",
    )  # fmt: skip


def test_members_as_a_table(shop):
    found = shop(HISTORY, "ladders.tier.silver.spend=70")
    columns, values = M.columns(found.table)
    assert {each.name for each in columns} == set(values)
    assert values["member"] == ["anna", "boris", "cyril"]
    assert values["kept_point_difference"] == [0, 60, 0]
    assert values["tier_tier_old"] == [None, None, None] or values["tier_tier_new"][1] == "silver"
    assert values["value_difference"] == [0, 3000, 0]
