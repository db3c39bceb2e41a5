"""What no member shows alone: budgets, identities of events, corrections that were waived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from laurels.service.programs import Running
from laurels.service.verify.differences import Difference
from laurels.service.verify.part import Seen, Texts
from laurels.store.statements import statement

LIMIT = 1000


def verify_identities(
    connection: psycopg.Connection[Any], texts: Texts, members: Sequence[int] | None
) -> Seen:
    """Every event has its identity, and every identity its event."""
    seen = Seen()
    asked = {"members": list(members) if members is not None else None, "limit": LIMIT}
    for name, kind in (("unregistered", "event-unregistered"), ("astray", "identity-astray")):
        for program, member, sequence, event in connection.execute(statement(name), asked):
            called = texts[program][-1].name if texts.get(program) else str(program)
            seen.kinds[kind] += 1
            seen.differences.append(Difference(
                kind, called, member, sequence, event, "identity and event", "both", "one"
            ))  # fmt: skip
    return seen


def verify_budgets(
    connection: psycopg.Connection[Any], texts: Texts, drawn: Counter[tuple[int, str]]
) -> Seen:
    """What events drew is what budgets say was used, and no more than there is."""
    seen = Seen()
    rows = connection.execute("SELECT program, purse, used FROM budgets").fetchall()
    used = {(program, purse): points for program, purse, points in rows}
    for key in sorted(used.keys() | drawn.keys()):
        program, purse = key
        if program not in texts:
            continue
        running = texts[program][-1]
        if drawn[key] != used.get(key, 0):
            seen.differences.append(Difference(
                "budget-differs", running.name, what=purse, expected=f"{drawn[key]} steps",
                found=f"{used.get(key, 0)} steps",
            ))  # fmt: skip
        most = _most(running, purse)
        if most is not None and drawn[key] > most:
            seen.differences.append(Difference(
                "cap-exceeded", running.name, what=purse, expected=f"at most {most} steps",
                found=f"{drawn[key]} steps",
            ))  # fmt: skip
    seen.kinds.update(each.kind for each in seen.differences)
    return seen


def _most(running: Running, purse: str) -> int | None:
    """How much a budget has at most, over the versions that know it; None without a limit."""
    limits = [
        cap.limit
        for cap in running.compiled.program.caps
        if cap.budget and purse.startswith(f"{cap.name}/{cap.unit}/{cap.per}/")
    ]
    known = [each for each in limits if each is not None]
    return max(known) if known and len(known) == len(limits) else None


def waived(connection: psycopg.Connection[Any]) -> dict[int, dict[str, Any]]:
    """Corrections that were waived, by program: how many, of how many members, how many points
    were not posted. The ledger is the fold without them, and that was decided."""
    found: dict[int, dict[str, Any]] = {}
    for program, correction, text in connection.execute(statement("waived_points")):
        each = found.setdefault(program, {"corrections": set(), "members": 0, "points": {}})
        each["corrections"].add(correction)
        each["members"] += 1
        for unit, points in msgspec.json.decode(text).items():
            each["points"][unit] = each["points"].get(unit, Decimal(0)) + Decimal(points)
    return {
        program: {
            "corrections": len(each["corrections"]), "members": each["members"],
            "points": {unit: str(points) for unit, points in each["points"].items()},
        }
        for program, each in found.items()
    }  # fmt: skip
