"""Ladders: levels that nobody reaches, higher levels that ask for less, clocks that clash."""

from __future__ import annotations

from laurels.program import linked, model
from laurels.program.expr import Call, Const, Name, Node
from laurels.program.form import KeyPath
from laurels.program.growth import METRIC_BOUND
from laurels.program.lint.base import Part
from laurels.program.possible import Known, implied, possible

DAY = 86_400_000_000


class Ladders(Part):
    """Looks at metrics and ladders."""

    def run(self) -> None:
        """Every version by itself: removed levels are the linker's business."""
        for path, given, version in self.versions():
            for name, metric in given.metrics.items():
                self._metric((*path, "metrics", name), metric, version, name)
            sums: dict[int, str] = {}
            for ladder in self.program.ladders:
                rules = ladder.rules.get(version.index)
                if rules is None:
                    continue
                at: KeyPath = (*path, "ladders", ladder.name)
                self._clock(at, given.ladders[ladder.name], rules)
                self._sum(at, rules, version, sums, ladder.name)
                self._levels(at, ladder.name, rules, version)

    # -- metrics -------------------------------------------------------------------------------

    def _metric(
        self, path: KeyPath, given: model.Metric, version: linked.Version, name: str
    ) -> None:
        window = given.window
        if isinstance(window, model.Window) and (window.months is None) == (window.days is None):
            self.wrong(
                (*path, "window"),
                "metric-window",
                "a rolling window has either months or days",
                "exactly one of them",
            )
        if name not in version.metrics:
            return
        metric = self.program.metrics[version.metrics[name]]
        if metric.by_line and metric.kind in ("max", "last"):
            self.wrong(
                (*path, metric.kind),
                "metric-lines",
                f"the {metric.kind} of lines is not kept",
                "sum or count, or a value of the event",
            )
        known = self.metric_known(metric)
        if metric.where is not None and not possible([metric.where.ir], known):
            self.odd((*path, "where"), "metric-never", "no event meets this: it stays 0")

    # -- clocks --------------------------------------------------------------------------------

    def _clock(self, path: KeyPath, given: model.Ladder, rules: linked.LadderRules) -> None:
        if given.grace and rules.period is None:
            self.wrong(
                (*path, "grace"),
                "ladder-clock",
                "`grace` counts periods, and the ladder has none",
                "period: month or year",
            )
        back = rules.requalify
        if back is None:
            return
        if rules.period is not None:
            self.wrong(
                (*path, "requalify"),
                "ladder-clock",
                "`requalify` is about terms, and the ladder has periods",
                "either `period` or terms",
            )
        if back.kind not in ("months", "days") or back.length == 0:
            self.wrong(
                (*path, "requalify"),
                "requalify-term",
                f"`{given.requalify}` is no stretch of days",
                "days, months or years",
            )
            return
        for level in rules.levels:
            if level.term is not None and longer(back, level.term):
                self.wrong(
                    (*path, "requalify"),
                    "requalify-too-long",
                    f"`{given.requalify}` is longer than the term of `{level.name}`: what was "
                    "credited before the term is not kept",
                    f"at most {given.levels[level.name].term}",
                )

    def _sum(
        self,
        path: KeyPath,
        rules: linked.LadderRules,
        version: linked.Version,
        sums: dict[int, str],
        name: str,
    ) -> None:
        if rules.sum_unit is None:
            return
        unit = self.program.units[rules.sum_unit].name
        if rules.sum_unit in sums:
            self.wrong(
                (*path, "sum"),
                "ladder-sum-shared",
                f"`{sums[rules.sum_unit]}` counts `{unit}` too: one sum is kept for each unit",
                "another unit",
                "let the rules credit two units, one for each ladder",
            )
        sums.setdefault(rules.sum_unit, name)
        if all(self.program.effects[index].unit != rules.sum_unit for index in version.effects):
            self.odd(
                (*path, "sum"),
                "ladder-sum-uncredited",
                f"no rule credits `{unit}`",
                "a rule with that unit",
            )

    # -- levels --------------------------------------------------------------------------------

    def _levels(
        self, path: KeyPath, name: str, rules: linked.LadderRules, version: linked.Version
    ) -> None:
        known = self.known(version, [])
        known = Known({**known.ranges, "sum": (0, METRIC_BOUND)}, known.values)
        opens = rules.opens.ir if rules.opens else None
        if not possible([opens], known):
            self.wrong(
                (*path, "opens"),
                "level-unreachable",
                "this never holds: nobody ever has a level",
                "a condition that can hold",
            )
            return
        heirs = set(version.migrate.get(name, {}).values())
        lower = None
        for level in rules.levels:
            at: KeyPath = (*path, "levels", level.name)
            reached = possible([opens, *asked(level)], known)
            if not reached and level.name not in heirs:
                self._unreachable(at, level, known)
            if lower is not None and reached:
                self._weaker(at, lower, level, known)
            lower = level

    def _unreachable(self, path: KeyPath, level: linked.Level, known: Known) -> None:
        expected, at = "conditions that can hold together", path
        for least in level.least:
            if not possible([node(least)], known):
                most = known.ranges.get(metric_name(least), (0, METRIC_BOUND))[1]
                at, expected = (*path, least.name), f"at most {most}, the most there can be"
        if at == path and level.when is not None:
            at = (*path, "when")
        self.wrong(at, "level-unreachable", f"level `{level.name}` can never be reached", expected)

    def _weaker(
        self, path: KeyPath, lower: linked.Level, level: linked.Level, known: Known
    ) -> None:
        """X42: what the lower level asks must follow from what the higher one asks."""
        given = asked(level)
        weaker = False
        for least in lower.least:
            if implied(node(least), given, known):
                continue
            weaker = True
            mine = any(each.name == least.name for each in level.least)
            self.odd(
                (*path, least.name) if mine else path,
                "level-weaker",
                f"level `{level.name}` asks for less `{least.name}` than `{lower.name}` below it",
                f"what `{lower.name}` asks, or more",
            )
        if lower.when is not None and not implied(lower.when.ir, given, known):
            weaker = True
            self.odd(
                (*path, "when") if level.when is not None else path,
                "level-weaker",
                f"level `{level.name}` can be reached without what `{lower.name}` below it asks",
                " ".join(lower.when.text.split()),
            )
        below = asked(lower)
        if not weaker and all(implied(each, below, known) for each in given):
            self.odd(
                path,
                "level-weaker",
                f"level `{level.name}` asks for no more than `{lower.name}` below it",
                f"more than `{lower.name}`",
            )


def metric_name(least: linked.Least) -> str:
    """How an expression names what a least value is about."""
    return "sum" if least.metric is None else f"metrics.{least.name}"


def node(least: linked.Least) -> Node:
    """A least value as a condition."""
    name = Name(metric_name(least), "int", least.dim)
    return Call("gt" if least.strict else "ge", (name, Const(least.value, "int")), "bool")


def asked(level: linked.Level) -> list[Node]:
    """Everything that a level asks."""
    when = [level.when.ir] if level.when is not None else []
    return [*(node(each) for each in level.least), *when]


def longer(one: linked.Term, other: linked.Term) -> bool:
    """Whether a stretch may be longer than a term."""
    if other.kind == "never":
        return False
    if one.kind == other.kind:
        return one.length > other.length
    return days(one)[1] > days(other)[0]


def days(term: linked.Term) -> tuple[float, float]:
    """Fewest and most days of a term; a month has 28 to 31, many months some 30.44 each."""
    if term.kind == "months":
        return term.length * 30.4 - 3, term.length * 30.5 + 1
    length = term.length if term.kind == "days" else term.length / DAY
    return length, length
