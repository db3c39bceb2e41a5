"""Metrics and ladders of a version, and one order of levels over all versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from laurels.program import linked, model
from laurels.program import names as scopes
from laurels.program.expr import NameInfo
from laurels.program.form import KeyPath
from laurels.program.link.base import Part


class Ladders(Part):
    """Resolves metrics and ladders."""

    def version_metrics(
        self, index: int, given: model.Version, names: Mapping[str, NameInfo]
    ) -> dict[str, int]:
        result: dict[str, int] = {}
        for name, metric in given.metrics.items():
            path: KeyPath = ("versions", index, "metrics", name)
            types = self.types_of(metric.of, (*path, "of"))
            scope = {
                **names,
                **scopes.event_names(types),
                **scopes.local_names(),
                **scopes.line_names(types),
            }
            kinds = [key for key in ("sum", "count", "max", "last") if getattr(metric, key)]
            if len(kinds) != 1:
                self.wrong(
                    path,
                    "metric-kind",
                    f"`{name}` has {len(kinds)} of sum, count, max, last",
                    "exactly one of them",
                )
                continue
            kind = "days" if metric.count == "days" else kinds[0]
            where = self.expression(metric.where, scope, "bool", (*path, "where"))
            text = None if metric.count else str(getattr(metric, kinds[0]))
            value = self.expression(text, scope, "int", (*path, kinds[0]))
            window, size = self.window(metric)
            dim = value.ir.dim if value is not None else "count"
            money = kind == "sum" and text == "event.amount" or text == "line.amount"
            net = metric.net_of_returns if metric.net_of_returns is not None else money
            if net and not (money or kind == "count"):
                self.wrong(
                    (*path, "net_of_returns"),
                    "metric-net",
                    "only a sum of event.amount or line.amount, or a count, can be net",
                )
            if kind in ("max", "last") and window in ("months", "days"):
                self.wrong(
                    (*path, "window"),
                    "metric-window",
                    f"a rolling {kind} is not kept",
                    "day, month, year or lifetime",
                )
            read = (where.names if where else frozenset()) | (value.names if value else frozenset())
            by_line = any(each.startswith("line.") for each in read)
            key = (name, kind, tuple(metric.of), metric.where, text, window, size, net)
            if key not in self.metric_keys:
                self.metric_keys[key] = len(self.metrics)
                self.metrics.append(
                    linked.Metric(
                        name,
                        len(self.metrics),
                        kind,  # type: ignore[arg-type]
                        tuple(metric.of),
                        where,
                        value,
                        window,  # type: ignore[arg-type]
                        size,
                        net,
                        by_line,
                        dim,
                    )
                )
            result[name] = self.metric_keys[key]
        return result

    @staticmethod
    def window(metric: model.Metric) -> tuple[str, int]:
        if isinstance(metric.window, str):
            return metric.window, 1
        if metric.window.months is not None:
            return "months", metric.window.months
        return "days", metric.window.days or 1

    def union_levels(self, ladder: str, levels: list[str], path: KeyPath) -> None:
        """One order over all versions, so that a level has one code for ever."""
        known = self.ladder_levels.setdefault(ladder, [])
        self.ladder_rules.setdefault(ladder, {})
        if not levels:
            self.wrong(path, "ladder-empty", f"`{ladder}` has no levels", "at least one level")
        at = 0
        for level in levels:
            if level in known:
                if known.index(level) < at:
                    self.wrong(
                        (*path, "levels", level),
                        "level-order",
                        f"`{level}` stood in another order in an earlier version",
                        "the same order in all versions",
                        "use a new name",
                    )
                at = known.index(level) + 1
            else:
                known.insert(at, level)
                at += 1

    def ladder(
        self,
        index: int,
        name: str,
        given: model.Ladder,
        names: Mapping[str, NameInfo],
        metrics: Mapping[str, int],
    ) -> None:
        path: KeyPath = ("versions", index, "ladders", name)
        scope = dict(names)
        opens = self.expression(given.opens, scope, "bool", (*path, "opens"))
        unit = None
        if given.sum is not None:
            unit = next((each.index for each in self.units if each.name == given.sum), None)
            if unit is None:
                self.unknown((*path, "sum"), "unit", given.sum, self.program.units)
        if given.rises == "at_close" and given.period is None:
            self.wrong(
                (*path, "rises"),
                "ladder-clock",
                "`at_close` needs a period to close",
                "period: month or year",
            )
        if given.requalify and unit is None:
            self.wrong(
                (*path, "requalify"),
                "ladder-clock",
                "`requalify` is about a ladder's sum",
                "sum: a unit",
            )
        levels = []
        for level, rules in given.levels.items():
            levels.append(self.level(path, name, level, rules, given, scope, metrics, unit))
        self.ladder_rules[name][index] = linked.LadderRules(
            given.period,
            given.rises,
            given.falls,
            given.grace,
            opens,
            unit,
            given.sum_includes_spending,
            self.term(given.requalify, (*path, "requalify")) if given.requalify else None,
            tuple(levels),
        )

    def level(
        self,
        path: KeyPath,
        ladder: str,
        name: str,
        given: model.Level,
        rules: model.Ladder,
        scope: Mapping[str, NameInfo],
        metrics: Mapping[str, int],
        unit: int | None,
    ) -> linked.Level:
        path = (*path, "levels", name)
        least = []
        for key, text in (given.__pydantic_extra__ or {}).items():
            strict = text.strip().startswith(">") and not text.strip().startswith(">=")
            plain = text.strip().lstrip(">=").strip()
            if key == "sum" and unit is not None:
                value = self.number(plain, self.units[unit].scale, (*path, key))
                dim = f"points:{self.units[unit].name}"
                least.append(linked.Least(None, "sum", strict, value, dim))
            elif key in metrics:
                dim = self.metrics[metrics[key]].dim
                value = self.number(plain, self.scale_of(dim), (*path, key))
                least.append(linked.Least(metrics[key], key, strict, value, dim))
            else:
                self.unknown((*path, key), "metric", key, metrics)
        when = self.expression(given.when, scope, "bool", (*path, "when"))
        length = self.term(given.term, (*path, "term")) if given.term else None
        if length is not None and rules.period is not None:
            self.wrong(
                (*path, "term"),
                "ladder-clock",
                "a ladder with a period keeps levels by period, not by term",
                "either `period` or terms",
            )
        code = self.ladder_levels[ladder].index(name) + 1
        return linked.Level(name, code, tuple(least), when, length)

    def migrations(self) -> None:
        """Codes settle once all versions are known; a level that goes needs a successor."""
        for name, by_version in self.ladder_rules.items():
            for index, rules in by_version.items():
                levels = tuple(
                    replace(each, code=self.ladder_levels[name].index(each.name) + 1)
                    for each in rules.levels
                )
                by_version[index] = replace(rules, levels=levels)
        for before, after in zip(self.versions, self.versions[1:], strict=False):
            for name, by_version in self.ladder_rules.items():
                if before.index not in by_version or after.index not in by_version:
                    continue
                kept = {each.name for each in by_version[after.index].levels}
                for level in by_version[before.index].levels:
                    heir = after.migrate.get(name, {}).get(level.name)
                    path: KeyPath = ("versions", after.index, "ladders", name)
                    if level.name not in kept and heir is None:
                        self.wrong(
                            path,
                            "level-removed",
                            f"level `{level.name}` of version {before.number} is gone",
                            f"migrate: {{{name}: {{{level.name}: <level>}}}}",
                        )
                    elif heir is not None and heir not in kept:
                        self.unknown(
                            ("versions", after.index, "migrate", name, level.name),
                            "level",
                            heir,
                            kept,
                        )
