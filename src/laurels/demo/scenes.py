"""What a shop lives through after the history: each scene is a few calls and what came of them.

A scene takes the stage and returns what was said and what was sent; `SCENES` is their order. What
was sent is told to the replay as well, which must come to the same points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from laurels.base.instants import format_instant
from laurels.cli.page import number
from laurels.client import Laurels

Body = dict[str, Any]
SOURCE = "demo"
MINUTE = 60_000_000
RECENT = 400
"""Purchases from the end of the history among which scenes look for their members."""
ASKED = 40
"""Members that a scene looks at, at most, for one that shows something."""
LIFTING = 600
"""The largest purchase, in money, that is sent late to lift somebody."""
HELD, TAKEN, BASKET = "500", "400", "20.00"


@dataclass
class Stage:
    """What scenes play on.

    history  events that went in, the last one last
    now      where the server's clock stands, µs UTC
    unit     what members spend; currency: of the program
    used     members that had their scene
    """

    client: Laurels
    history: Sequence[Body]
    now: int
    unit: str
    currency: str
    used: set[str] = field(default_factory=set)

    def at(self, minutes: int) -> str:
        """Some minutes before now."""
        return format_instant(self.now - minutes * MINUTE)

    def recent(self) -> Iterator[Body]:
        """The last purchases that nobody returned anything of, the newest first, a member once."""
        named = {str(each["returns"]) for each in self.history if "returns" in each}
        seen = set(self.used)
        for body in reversed(self.history[-RECENT:]):
            if body["type"] == "purchase" and body["id"] not in named:
                if body["member"] not in seen:
                    yield body
                seen.add(body["member"])

    def active(self, member: str) -> Decimal:
        """A member's points."""
        return Decimal(self.client.member(member)["balances"][self.unit]["active"])


@dataclass
class Scene:
    """What happened: rows of (who, what), and the events that the server took."""

    title: str
    said: list[tuple[str, str]]
    sent: list[Body]


def a_return(stage: Stage) -> Scene | None:
    """One line of a recent invoice comes back."""
    found = next((each for each in stage.recent() if len(each.get("lines") or ()) > 1), None)
    if found is None:
        return None
    member = str(found["member"])
    stage.used.add(member)
    before = stage.active(member)
    line = max(found["lines"], key=lambda each: Decimal(each["amount"]))
    body = {"type": "return", "source": SOURCE, "id": "return-1", "member": member,
            "returns": found["id"], "line": line["line"], "amount": line["amount"],
            "occurred_at": stage.at(9)}  # fmt: skip
    if "quantity" in line:
        body["quantity"] = line["quantity"]
    answer = stage.client.send(body)
    said = [
        ("till", f"member {member} brings back line {line['line']} of invoice {found['id']}: "
                 f"{number(line['amount'])} {stage.currency}"),
        *_postings(answer),
        ("member", _balance(stage, before, member)),
    ]  # fmt: skip
    return Scene("A return, as if it had never been bought", said, [body])


def a_late_event(stage: Stage) -> Scene | None:
    """A purchase that a shop forgot to send; where there is somebody near a level, it lifts them,
    and what they bought since is decided again."""
    chosen: tuple[Body, str, str] | None = None
    for each, _ in zip(stage.recent(), range(ASKED), strict=False):
        (standing, *_) = stage.client.member(str(each["member"]))["levels"] or [{}]
        missing = [one["amount"] for one in standing.get("missing") or () if one["amount"]]
        chosen = chosen or (each, "50.00", "")
        lifting = Decimal(missing[0]) + _amount(each) + 10 if len(missing) == 1 else None
        if lifting is not None and lifting <= LIFTING:
            chosen = (each, f"{lifting:.2f}", str(standing["level"]))
            break
    if chosen is None:
        return None
    last, amount, level = chosen
    member = str(last["member"])
    stage.used.add(member)
    before = stage.active(member)
    body = {"type": "purchase", "source": SOURCE, "id": "late-1", "member": member,
            "amount": amount, "occurred_at": _day_before(str(last["occurred_at"]))}  # fmt: skip
    answer = stage.client.send(body)
    said = [("shop", f"a purchase of {number(amount)} {stage.currency} of "
                     f"{str(body['occurred_at'])[:10]} comes today, behind invoice "
                     f"{last['id']}, for member {member}"),
            *_postings(answer)]  # fmt: skip
    after = stage.client.member(member)["levels"]
    if level and after[0]["level"] != level:
        said.append(("member", f"level {level} → {after[0]['level']}, before invoice {last['id']}"))
    said.append(("member", _balance(stage, before, member)))
    return Scene("A late event: history is decided again, the difference is posted", said, [body])


def points_at_the_till(stage: Stage) -> Scene | None:
    """Quote, hold, capture, purchase: paying with points."""
    rich = (each for each, _ in zip(stage.recent(), range(ASKED), strict=False)
            if stage.active(str(each["member"])) >= 2 * int(HELD))  # fmt: skip
    found = next(rich, None)
    if found is None:
        return None
    member = str(found["member"])
    stage.used.add(member)
    client = stage.client
    basket = {"type": "purchase", "member": member, "amount": BASKET, "occurred_at": stage.at(6)}
    quote: Mapping[str, Any] = client.quote(basket)
    payable = next((each for each in quote["payable"] if each["unit"] == stage.unit), None)
    said = [("till", f"member {member} asks what a basket of {BASKET} {stage.currency} would give: "
                     f"{_earned(quote)}, and up to {number(payable['points'] if payable else 0)} "
                     f"{stage.unit}s may be paid with")]  # fmt: skip
    hold = {"source": SOURCE, "id": "hold-1", "member": member, "unit": stage.unit,
            "points": HELD, "occurred_at": stage.at(5)}  # fmt: skip
    held = client.hold(hold)
    said += [("hold", f"{number(held['points'])} points are set aside"), _stood(held, stage.unit)]
    capture = {"source": SOURCE, "id": "capture-1", "points": TAKEN, "occurred_at": stage.at(4)}
    taken = client.capture("hold-1", capture)
    void = {"source": SOURCE, "id": "void-1", "occurred_at": stage.at(3)}
    client.void("hold-1", void)
    paid = {**basket, "source": SOURCE, "id": "paid-1", "occurred_at": stage.at(2),
            "paid_in_points": "4.00"}  # fmt: skip
    answer = client.send(paid)
    said += [("capture", f"{number(taken['points'])} points pay; the rest is given back"),
             ("purchase", f"{_earned(answer)} for what was paid"),
             _stood(answer, stage.unit)]  # fmt: skip
    of_hold = {"hold": "hold-1", "member": member}
    sent: list[Body] = [
        {**hold, "type": "hold"},
        {**capture, **of_hold, "type": "capture"},
        {**void, **of_hold, "type": "void"},
        paid,
    ]
    return Scene("Paying with points: quote, hold, capture", said, sent)


Play = Callable[[Stage], Scene | None]
SCENES: tuple[Play, ...] = (a_return, a_late_event, points_at_the_till)
"""In this order. A scene that finds nobody to play it is left out."""


def _amount(body: Body) -> Decimal:
    """What a purchase came to."""
    lines = body.get("lines")
    return sum((Decimal(each["amount"]) for each in lines or [body]), Decimal(0))


def _day_before(local: str) -> str:
    """The same time of the day before, of a local or an absolute time as the history wrote it."""
    return (datetime.fromisoformat(local) - timedelta(days=1)).isoformat()


def _postings(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was posted, from the member's side."""
    rows = []
    for each in answer["postings"]:
        sign = "+" if each["to"].startswith("member:") else "–"
        if each["from"].startswith("member:") and each["to"].startswith("member:"):
            sign = " "
        what = each["kind"].replace("_", " ")
        of = f" for {each['event']}" if each.get("event") else ""
        rule = f", rule {each['rule']}" if each.get("rule") else ""
        corrects = ": a correction" if each.get("corrects") else ""
        points = f"{sign}\N{NO-BREAK SPACE}{number(each['points'])}"
        rows.append(("posted", f"{points} {each['unit']}s {what}{of}{rule}{corrects}"))
    return rows


def _earned(answer: Mapping[str, Any]) -> str:
    total = sum((Decimal(each["points"]) for each in answer["postings"]
                 if each["kind"] == "earned"), Decimal(0))  # fmt: skip
    return f"{number(total)} points earned"


def _stood(answer: Mapping[str, Any], unit: str) -> tuple[str, str]:
    balance = answer["balances"][unit]
    return "member", f"{number(balance['active'])} active, {number(balance['held'])} held"


def _balance(stage: Stage, before: Decimal, member: str) -> str:
    return f"{number(before)} {stage.unit}s before, {number(stage.active(member))} now"
