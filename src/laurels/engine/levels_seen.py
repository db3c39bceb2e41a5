"""Changes of level, with what they saw: metrics, thresholds, conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laurels.base.money import format_decimal
from laurels.engine.compiled import Compiled
from laurels.engine.explained import AtomSeen, LevelSeen, NeedSeen
from laurels.engine.journal import Record, records
from laurels.engine.kernel import layout as K
from laurels.engine.narrator import Due
from laurels.engine.sight import NO_RAW, Sight
from laurels.engine.slots import upper
from laurels.program import linked as L


def levels_of_event(
    compiled: Compiled, posted: Sequence[int], after: Sequence[int], version: int
) -> Iterator[LevelSeen]:
    """The levels that an event raised; ``after`` is the state after it."""
    for record in records(posted):
        if record[K.R_KIND] == K.LEVEL_CHANGE:
            yield _change(compiled, record, after, version, "rise")


def levels_of_due(compiled: Compiled, due: Due) -> Iterator[LevelSeen]:
    """The levels that changed by themselves at an instant."""
    version = compiled.namespace["version_at"](due.at)
    for record in records(due.records):
        if record[K.R_KIND] == K.LEVEL_CHANGE:
            ladder = compiled.program.ladders[record[K.R_UNIT]]
            yield _change(compiled, record, due.after, version, _why(compiled, due, ladder))


def _why(compiled: Compiled, due: Due, ladder: L.Ladder) -> str:
    block = compiled.slots.state[f"LADDER_{upper(ladder.name)}"]
    if due.before[K.VERSION] != due.after[K.VERSION]:
        return "version"
    if due.before[block + K.L_CLOSE] <= due.at:
        return "close"
    return "term-end" if due.before[block + K.L_UNTIL] <= due.at else "rise"


def _change(
    compiled: Compiled, record: Record, s: Sequence[int], version: int, why: str
) -> LevelSeen:
    ladder = compiled.program.ladders[record[K.R_UNIT]]
    after, before, at = record[K.R_POINTS], record[K.R_OLD_END], record[K.R_AT]
    until = record[K.R_END]
    rules = ladder.rules.get(version)
    needs: tuple[NeedSeen, ...] = ()
    missing: tuple[NeedSeen, ...] = ()
    conditions: tuple[AtomSeen, ...] = ()
    if rules is not None:
        sight = _sight(compiled, s, at, version, why == "close")
        level = next((each for each in rules.levels if each.code == after), None)
        if level is not None:
            needs = tuple(_needs(sight, rules, level))
            conditions = sight.atoms(level.when) if level.when is not None else ()
        higher = [each for each in rules.levels if each.code > after]
        wanted = next((each for each in higher if each.code == before or after > before), None)
        if wanted is not None:
            missing = tuple(each for each in _needs(sight, rules, wanted) if not each.held)
            if not missing and wanted.when is not None:
                missing = tuple(
                    NeedSeen(each.text, each.value, "", False, False)
                    for each in sight.missing(wanted.when)
                )
    return LevelSeen(
        ladder.name, ladder.levels[before - 1] if before else "",
        ladder.levels[after - 1] if after else "", at, why,
        until if after and until < K.NEVER else None, needs, missing, conditions,
    )  # fmt: skip


def _sight(compiled: Compiled, s: Sequence[int], at: int, version: int, over: bool) -> Sight:
    """The state on a day; ``over``: the last day of the period that ends."""
    day = compiled.calendar.day_of(at) - over
    row = [0] * compiled.slots.event_size
    row[K.E_AT], row[K.E_DAY], row[K.E_MONTH] = at, day, compiled.calendar.month_of[day]
    return Sight(compiled, compiled.program.versions[version], s, "", row, NO_RAW)


def _needs(sight: Sight, rules: L.LadderRules, level: L.Level) -> Iterator[NeedSeen]:
    """What a level asks of metrics, and what they were."""
    for least in level.least:
        if not least.value and not least.strict:
            continue
        scale = sight.scale(least.dim)
        if least.metric is None:
            value = sight.s[K.HEAD + (rules.sum_unit or 0) * K.UNIT + K.U_SUM]
        else:
            value = sight.metric(least.metric)
        yield NeedSeen(
            least.name, format_decimal(value, scale), format_decimal(least.value, scale),
            least.strict, not least.missing(value),
        )  # fmt: skip
