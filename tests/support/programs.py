"""Generated programs and histories: small documents that use every key, and lives under them.

Everything is drawn from a `random.Random`, so that a seed makes an example and Hypothesis
(`programs()`) can steer one. Programs always link; the lint would find fault with many.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import yaml
from hypothesis import strategies as st

from laurels import Compiled
from laurels.engine.compiled import compile_program
from laurels.program.link import resolve
from laurels.program.loader import parse_document

Raw = dict[str, Any]
Doc = dict[str, Any]

ZONES = ("Asia/Almaty", "Europe/London", "Europe/Moscow", "UTC", "America/New_York")
WINDOWS: tuple[Any, ...] = (
    "day", "month", "year", "lifetime", {"months": "2"}, {"months": "12"}, {"days": "7"},
    {"days": "40"},
)  # fmt: skip
TERMS = ("never", "90 minutes", "5 hours", "10 days", "30 days", "1 month", "2 months", "1 year")
PERIODS = ("day", "month", "year", "lifetime")
ROUNDINGS = ("floor", "half_up", "half_even", "ceil")
RETURNS = ("proportional", "full", "none", "as_if_never_bought")
SECOND_VERSION = "2024-06-15T00:00:00"


# ---------------------------------------------------------------- programs


class Author:
    """Writes one program."""

    def __init__(self, rng: random.Random, returns: str | None = None) -> None:
        self.rng = rng
        self.returns = returns
        self.units: dict[str, Doc] = {}

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, *options: Any) -> Any:
        return options[self.rng.randrange(len(options))]

    def document(self) -> Doc:
        """The whole document."""
        doc: Doc = {
            "program": "generated",
            "zone": self.pick(*ZONES),
            "currency": self.pick("GBP", "GBP", "KZT", "JPY", "BHD"),
            "units": self.make_units(),
            "events": self.events(),
            "products": ["card", "plan"],
            "member": {"born": "date", "region": ["north", "south"]},
        }
        if self.chance(0.4):
            doc["late"] = {
                "policy": self.pick("as_if_on_time", "when_recorded"),
                "tolerance": self.pick("0 days", "2 days"),
            }
        ladders = self.ladder_shapes()
        versions = [self.version(1, ladders)]
        if self.chance(0.3):
            second = self.version(2, ladders)
            second["effective_from"] = SECOND_VERSION
            if self.chance(0.5):
                second["published_at"] = self.pick("2024-05-01", "2024-06-20T12:00:00")
            versions.append(second)
        doc["versions"] = versions
        return doc

    def make_units(self) -> dict[str, Doc]:
        for name in ("point", "star", "heart")[: self.pick(1, 1, 2, 3)]:
            unit: Doc = {"precision": self.pick("1", "1", "0.1", "0.01")}
            if name == "point":
                unit["worth"] = self.pick("1", "0.01", "0.5")
            elif self.chance(0.5):
                unit["spendable"] = "false"
            else:
                unit["worth"] = "0.1"
            unit["debt"] = self.pick("allow", "allow", "forbid")
            unit["transferable"] = self.pick("true", "false")
            if self.chance(0.3):
                unit["expires"] = self.pick(*TERMS)
            self.units[name] = unit
        if "star" in self.units and self.chance(0.3):
            self.units["star"]["precision"] = self.units["point"]["precision"]
            self.units["point"]["spends_too"] = ["star"]
        return self.units

    def events(self) -> Doc:
        attributes = {
            "partner": "text", "channel": ["app", "web"], "paid_in_points": "money",
            "gift": "flag", "tip": "integer",
        }  # fmt: skip
        return {
            "purchase": {"amount": "required", "attributes": attributes, "line": {"item": "text"}},
            "topup": {"amount": "optional", "attributes": {"channel": ["app", "web"]}},
            "visit": {"attributes": {"award": "points point"}},
            "birthday": {},
        }

    # -- conditions

    def condition(self, metrics: Doc, ladders: Doc, on: str) -> str:
        """A condition of a rule about its event, its member, or the local time."""
        options = [
            "held.card", "!held.plan", "member.region == 'north'", "local.weekday == 2",
            "local.hour >= 12", "local.day > 15", "balance.point < points('point', '50')",
        ]  # fmt: skip
        if on == "purchase":
            options += [
                "event.channel == 'app'", "event.partner.startsWith('P')", "event.gift",
                "event.partner in ['P1', 'Q1']", f"event.amount >= {self.money(40)}",
                "event.tip > 1 || event.channel != 'web'",
            ]  # fmt: skip
        options += [f"metrics.{name} >= {self.level(metrics[name])}" for name in metrics]
        options += [f"at_least(level.{name}, 'l2')" for name in ladders]
        return str(self.pick(*options))

    def money(self, whole: int) -> str:
        return f"money('{whole}')"

    def level(self, metric: Doc) -> str:
        text = metric.get("sum") or metric.get("max") or metric.get("last")
        return self.money(self.pick(10, 50, 100)) if text else str(self.pick(1, 2, 3))

    # -- parts of a version

    def metrics(self) -> Doc:
        found: Doc = {}
        if self.chance(0.8):
            found["spend"] = {"of": self.pick("purchase", ["purchase", "topup"]),
                              "sum": "event.amount", "window": self.pick(*WINDOWS),
                              "net_of_returns": self.pick("true", "false")}  # fmt: skip
        if self.chance(0.5):
            found["visits"] = {"of": self.pick("visit", ["visit", "purchase"]),
                               "count": "events", "window": self.pick(*WINDOWS)}  # fmt: skip
        if self.chance(0.3):
            found["dates"] = {"of": "purchase", "count": "days", "window": self.pick(*PERIODS)}
        if self.chance(0.2):
            found["biggest"] = {"of": "purchase", "max": "event.amount",
                                "window": self.pick(*PERIODS)}  # fmt: skip
        if self.chance(0.2):
            found["latest"] = {"of": "purchase", "last": "event.amount",
                               "window": self.pick(*PERIODS)}  # fmt: skip
        if self.chance(0.3):
            found["toys"] = {"of": "purchase", "sum": "line.amount",
                             "where": "line.item == 'toy'", "window": self.pick(*WINDOWS),
                             "net_of_returns": self.pick("true", "false")}  # fmt: skip
        return found

    def ladder_shapes(self) -> dict[str, str]:
        """Ladders of the program and the clock of each; all versions keep both."""
        return {
            name: self.pick("close", "once", "term", "sum")
            for name in ("club", "hall")[: self.pick(0, 1, 1, 2)]
        }

    def ladder(self, clock: str, metrics: Doc) -> Doc:
        ladder: Doc = {"falls": self.pick("to_result", "one_level", "never")}
        if clock in ("close", "once"):
            ladder["period"] = self.pick("month", "month", "year")
            ladder["rises"] = "at_close" if clock == "close" else "at_once"
            ladder["grace"] = self.pick("0", "0", "1")
        if clock == "sum":
            ladder["sum"] = self.pick(*self.units)
            ladder["sum_includes_spending"] = self.pick("true", "false")
            if self.chance(0.6):
                ladder["requalify"] = self.pick("1 month", "30 days", "3 months")
        if self.chance(0.2):
            ladder["opens"] = "held.card"
        ladder["levels"] = levels = {}
        for number in range(1, self.pick(2, 3, 3) + 1):
            level: Doc = {}
            for name, metric in metrics.items():
                if clock != "sum" and number > 1 and (self.chance(0.6) or len(metrics) == 1):
                    money = not metric.get("count")
                    least = number * 40 if money else number
                    level[name] = f"{self.pick('>', '>=')} {least}"
            if clock == "sum":
                level["sum"] = str((number - 1) * 30)
            if number == 3 and self.chance(0.3):
                level["when"] = "held.card || held.plan"
            if clock in ("term", "sum") and number > 1:
                level["term"] = self.pick("1 month", "20 days", "2 months", "never")
            levels[f"l{number}"] = level
        return ladder

    def give(self, on: str, ladders: Doc, others: list[str]) -> Doc:
        kind = self.pick("rate", "rate", "points", "per", "by_level", "by_partner", "multiply",
                         "expression")  # fmt: skip
        if kind == "multiply" and others and on == "purchase":
            return {"multiply": [self.pick(*others)], "by": self.pick("2", "1.5")}
        if on == "visit":
            return {"points": self.pick("5", "event.award")}
        if on not in ("purchase", "topup"):
            return {"points": self.pick("3", "20")}
        if kind == "by_level" and ladders:
            table = {"by": f"level.{self.pick(*ladders)}", "l1": "1%", "l2": "2.5%"}
            return {"rate": {**table, "none": self.pick("0%", "0.5%")}}
        if on == "purchase" and kind == "by_partner":
            return {"points": {"by": "event.partner", "P1": "7", "P2": "1", "otherwise": "2"}}
        if on == "purchase" and kind == "expression":
            return {"points": "points('point', '1') * event.tip"}
        if kind == "per":
            return {"points": self.pick("1", "3"), "per": self.pick("1", "10")}
        if kind == "points":
            return {"points": self.pick("1", "10", "50")}
        return {"rate": self.pick("1%", "5%", "33.3%", "1/7", "150%")}

    def rule(self, metrics: Doc, ladders: Doc, others: list[str]) -> Doc:
        on = self.pick("purchase", "purchase", "purchase", "topup", "visit", "birthday", "member")
        rule: Doc = {"on": on}
        if self.chance(0.4):
            rule["when"] = self.condition(metrics, ladders, on)
        if on == "purchase" and self.chance(0.3):
            rule["lines"] = self.pick("line.item != 'toy'", "line.amount > money('5')")
        names = list(self.units)
        rule["unit"] = self.pick([names[0]], [names[0]], [self.pick(*names)], names)
        rule["give"] = self.give(on, ladders, others)
        if "event." in str(rule["give"].get("points")) and "by" not in rule["give"]["points"]:
            rule["unit"] = ["point"]
        rule["rounding"] = self.pick(*ROUNDINGS)
        if self.chance(0.35):
            rule["posting"] = self.posting()
        if self.chance(0.3):
            rule["expires"] = self.pick(*TERMS)
        if self.chance(0.2):
            rule["funder"] = self.pick("brand", "bank")
        if self.chance(0.2):
            rule["times"] = {"at_most": self.pick("1", "2"), "per": self.pick(*PERIODS)}
        if self.chance(0.1):
            rule["for_everyone"] = "true"
        return rule

    def posting(self) -> Any:
        return self.pick(
            "at_once", {"after": self.pick("1 day", "14 days", "1 month", "45 minutes")},
            {"day_of_next_month": self.pick("1", "10", "28")},
        )  # fmt: skip

    def cap(self, rules: list[str], ladders: Doc) -> Doc:
        covered = [name for name in rules if self.chance(0.6)] or rules[:1]
        cap: Doc = {"rules": covered, "unit": self.pick(*self.units),
                    "per": self.pick("event", *PERIODS)}  # fmt: skip
        if ladders and self.chance(0.4):
            table = {"by": f"level.{self.pick(*ladders)}", "l1": "5", "l2": "20"}
            cap["at_most"] = {**table, "none": self.pick("0", "7")}
        else:
            cap["at_most"] = self.pick("1", "6", "20", "100")
        if self.chance(0.2):
            cap["at_least"] = self.pick("1", "3")
        if self.chance(0.2):
            cap["when"] = "local.day <= 20"
        cap["on_breach"] = self.pick("clip", "clip", "refuse")
        return cap

    def spending(self) -> Doc:
        limit: Doc = {"unit": self.pick("point", "point", *self.units)}
        kind = self.pick("share", "least", "most", "times", "only")
        if kind == "share" and "worth" in self.units[limit["unit"]]:
            limit["share_of_price"] = self.pick("100%", "50%")
        elif kind == "least":
            limit["at_least"] = self.pick("2", "10")
        elif kind == "times":
            limit["times"] = {"at_most": self.pick("1", "2"), "per": self.pick(*PERIODS)}
        elif kind == "only":
            limit["only_if"] = self.pick("event.channel != 'web'", "!held.plan")
        else:
            limit["at_most"] = self.pick("5", "30")
        if self.chance(0.2):
            limit["when"] = "local.weekday <= 4"
        limit["on_breach"] = self.pick("refuse", "clip")
        return limit

    def version(self, number: int, clocks: dict[str, str]) -> Doc:
        metrics = self.metrics()
        ladders = {name: self.ladder(clock, metrics) for name, clock in clocks.items()}
        if clocks:
            for ladder in ladders.values():  # the same levels in every version
                ladder["levels"] = {
                    level: ladder["levels"].get(level, {}) for level in ("l1", "l2", "l3")
                }
        version: Doc = {"version": str(number), "metrics": metrics, "ladders": ladders}
        rules: Doc = {}
        for index in range(self.pick(1, 2, 3, 4)):
            same = [name for name in rules if rules[name]["on"] == "purchase"]
            rules[f"r{index}"] = self.rule(metrics, ladders, same)
        version["rules"] = rules
        if self.chance(0.25):
            version["offers"] = {"spring": self.offer(metrics, ladders)}
        names = list(rules)
        if len(names) > 1 and self.chance(0.3):
            version["stacking"] = {"one": {"mode": self.pick("best", "first"), "rules": names[:2]}}
        version["caps"] = {
            f"c{index}": self.cap(names, ladders) for index in range(self.pick(0, 1, 1, 2))
        }
        version["spending"] = {
            f"s{index}": self.spending() for index in range(self.pick(0, 0, 1, 2))
        }
        if self.chance(0.25):
            when = ["held.card"] + (["metrics.visits >= 1"] if "visits" in metrics else [])
            version["membership"] = {"when": self.pick(*when),
                                     "before": self.pick("nothing", "pending")}  # fmt: skip
        version["posting"] = self.pick("at_once", "at_once", self.posting())
        version["expires"] = self.pick(*TERMS)
        version["returns"] = self.returns or self.pick(*RETURNS)
        version["holds"] = {"lapse_after": self.pick("never", "2 days", "30 days"),
                            "late_capture": self.pick("refuse", "if_covered")}  # fmt: skip
        return version

    def offer(self, metrics: Doc, ladders: Doc) -> Doc:
        offer: Doc = {"from": "2024-03-01", "until": "2024-08-01",
                      "rules": {"extra": self.rule(metrics, ladders, [])}}  # fmt: skip
        if self.chance(0.3):
            offer["when"] = "member.region != 'south'"
        if self.chance(0.3):
            offer["expires"] = self.pick(*TERMS)
        if self.chance(0.3):
            offer["posting"] = self.posting()
        return offer


def program_text(rng: random.Random, returns: str | None = None) -> str:
    """A generated program as the text of its file."""
    return yaml.safe_dump(Author(rng, returns).document(), sort_keys=False, default_style=None)


@lru_cache(maxsize=512)
def compiled(text: str) -> Compiled:
    """The same text is compiled once. It is linked but not linted: a level that cannot be reached
    or a cap over nothing is no fault of the engine's."""
    linked, wrong = resolve(parse_document(text, "generated.yaml"))
    assert linked is not None, wrong
    return compile_program(linked)


# ---------------------------------------------------------------- histories

START = datetime(2024, 1, 28, 9, 0, tzinfo=UTC)
LATE = (
    timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=40),
    timedelta(days=150),
)  # fmt: skip


class Life:
    """Tells the life of member `m` over some 14 months."""

    def __init__(
        self, rng: random.Random, units: tuple[str, ...], late: bool = True, withdraw: bool = True
    ) -> None:
        self.rng, self.units, self.late, self.withdraw = rng, units, late, withdraw
        self.now = START
        self.bought: list[Raw] = []
        self.held: list[Raw] = []
        self.events: list[tuple[datetime, int, Raw]] = []

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, *options: Any) -> Any:
        return options[self.rng.randrange(len(options))]

    def tell(self, count: int) -> list[Raw]:
        """Raw events in the order in which they are recorded."""
        for _ in range(count):
            self.pass_time()
            kind = self.pick(
                "buy", "buy", "buy", "buy", "topup", "visit", "give_back", "give_back", "redeem",
                "redeem", "hold", "settle", "adjust", "product", "member", "regret",
            )  # fmt: skip
            getattr(self, kind)()
        found = [raw for _, _, raw in sorted(self.events, key=lambda each: each[:2])]
        if found and self.chance(0.2):
            found.append(dict(self.pick(*found)))
        return found

    def pass_time(self) -> None:
        step = self.pick(
            timedelta(0), timedelta(seconds=1), timedelta(hours=3), timedelta(days=1),
            timedelta(days=6), timedelta(days=20), timedelta(days=35),
        )  # fmt: skip
        self.now += step
        if self.chance(0.15):  # month ends of some zone
            first = (self.now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0)
            self.now = first + timedelta(hours=self.pick(-6, -5, -3, -1, 0, 4, 5))

    def emit(self, kind: str, at: datetime | None = None, **attributes: Any) -> Raw:
        number = len(self.events)
        at = at or self.now
        raw: Raw = {"id": f"{self.pick('a', 'b', 'z')}{number:02d}", "member": "m",
                    "type": kind, "occurred_at": text(at)}  # fmt: skip
        raw |= {key: value for key, value in attributes.items() if value is not None}
        recorded = max(at, self.now)
        if self.late and self.chance(0.12):
            recorded += self.pick(*LATE)
        if recorded != at:
            raw["recorded_at"] = text(recorded)
        self.events.append((recorded, number, raw))
        return raw

    def amount(self) -> str:
        return str(self.pick("0", "1", "10", "39", "40", "77", "100", "250"))

    def points(self) -> str:
        return str(self.pick("1", "2", "5", "10", "30", "200"))

    # -- what may happen

    def buy(self) -> None:
        about = {
            "partner": self.pick(None, "P1", "P2", "Q1"), "channel": self.pick(None, "app", "web"),
            "gift": self.pick(None, "true"), "tip": self.pick(None, "1", "4"),
            "paid_in_points": self.pick(None, None, None, "3"),
        }  # fmt: skip
        if self.chance(0.4):
            about["lines"] = [
                {"line": str(number), "amount": self.amount(), "item": self.pick("toy", "cake")}
                for number in range(self.pick(1, 2, 3, 4))
            ]
        else:
            about["amount"] = self.amount()
        self.bought.append(self.emit("purchase", **about))

    def topup(self) -> None:
        self.bought.append(self.emit("topup", amount=self.pick(None, self.amount()),
                                     channel=self.pick("app", "web")))  # fmt: skip

    def visit(self) -> None:
        self.emit("visit", award=self.pick(None, "1", "8"))

    def member(self) -> None:
        self.emit(
            "member",
            region=self.pick(None, "north", "south"),
            born=self.pick(None, "1990-02-28", "2000-02-29", "1985-05-01"),
        )

    def product(self) -> None:
        self.emit(self.pick("product_opened", "product_opened", "product_closed"),
                  product=self.pick("card", "card", "plan"))  # fmt: skip

    def adjust(self) -> None:
        kind = self.pick("adjustment", "adjustment", "transfer", "transfer_received")
        about = {"points": self.points(), "unit": self.pick(*self.units)}
        if kind == "adjustment":
            about["direction"] = self.pick("credit", "debit")
        if kind == "transfer":
            about["to"] = "other"
        self.emit(kind, **about)

    def redeem(self) -> None:
        pays = self.pick(None, self.pick(*self.bought)["id"]) if self.bought else None
        self.emit("redemption", points=self.points(), unit=self.pick(None, *self.units),
                  pays=pays, channel=self.pick("app", "web"),
                  outcome=self.pick(None, None, None, "accepted", "refused"))  # fmt: skip

    def hold(self) -> None:
        until = self.pick(None, self.now + timedelta(days=9), self.now + timedelta(days=60))
        self.held.append(
            self.emit("hold", points=self.points(), unit=self.pick(None, *self.units),
                      until=text(until) if until else None,
                      outcome=self.pick(None, None, "accepted"))
        )  # fmt: skip

    def settle(self) -> None:
        if not self.held:
            return self.hold()
        hold = self.pick(*self.held)
        self.emit(self.pick("capture", "void"), hold=hold["id"],
                  points=self.pick(None, None, "1", "5"))  # fmt: skip
        return None

    def give_back(self) -> None:
        if not self.bought:
            return self.buy()
        what = self.pick(*self.bought[-5:])
        named = self.pick(*what["lines"])["line"] if "lines" in what and self.chance(0.5) else None
        amount = self.pick(None, None, "1", "10", "39", "1000")
        refers = "nobody" if self.chance(0.05) else what["id"]
        at = None
        if self.chance(0.08):
            at = datetime.fromisoformat(what["occurred_at"]) - timedelta(days=2)
        elif self.chance(0.05):
            at = datetime.fromisoformat(what["occurred_at"])
        self.emit("return", at, returns=refers, amount=amount, line=named)
        return None

    def regret(self) -> None:
        if not self.withdraw or not self.events:
            return self.visit()
        recent = [raw for _, _, raw in self.events if raw["type"] != "withdrawn"][-6:]
        if not recent:
            return self.visit()
        self.emit("withdrawn", withdraws=self.pick(*recent)["id"])
        return None


def text(at: datetime) -> str:
    """An instant as it comes in."""
    return at.isoformat().replace("+00:00", "Z")


def history(
    rng: random.Random, program: Compiled, count: int, late: bool = True, withdraw: bool = True
) -> list[Raw]:
    """A life under a program."""
    units = tuple(unit.name for unit in program.program.units)
    return Life(rng, units, late, withdraw).tell(count)


# ---------------------------------------------------------------- strategies


def programs(returns: str | None = None) -> st.SearchStrategy[Compiled]:
    """Generated programs, compiled."""
    return st.randoms(use_true_random=False).map(lambda rng: compiled(program_text(rng, returns)))
