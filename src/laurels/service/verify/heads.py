"""Daily heads of the chains: one hash a day over every link that was written since the day before,
and over the head of the day before.

Whoever keeps a head elsewhere can show later that no event that was there on that day has been
changed, removed or slipped in since, even by one who may write everything in the database.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from laurels.base.errors import RequestError
from laurels.service.verify.differences import Difference
from laurels.service.verify.run import Verified
from laurels.store.statements import statement

AT_ONCE = 10_000
FIRST_HEAD = b""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head: what was written before a place in the feed.

    day       on which it was written; position: transactions of the feed below it are covered
    events    that it adds to the head before it; head: the hash, in hexadecimal
    """

    program: str
    day: str
    position: int
    events: int
    head: str


class Exported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Heads of all programs, in the order of their days."""

    heads: list[Head]
    form: str = "laurels-heads-1"


def write_heads(conninfo: str, day: date) -> dict[str, int]:
    """Write the head of a day for every program, of all that was written until now; returns how
    many events each adds. A day that has its head keeps it."""
    found = {}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        programs = connection.execute("SELECT program, name FROM programs ORDER BY name").fetchall()
        ((end,),) = connection.execute(statement("feed_end")).fetchall()
        for number, name in programs:
            last = connection.execute(statement("head_last"), {"program": number}).fetchone()
            last_day, first, before = last or (date.min, 0, FIRST_HEAD)
            if last_day >= day:
                continue
            head, events = computed(connection, number, before, first, end)
            connection.execute(
                statement("head_add"),
                {"program": number, "day": day, "position": end, "events": events, "head": head},
            )
            found[name] = events
    return found


def computed(
    connection: psycopg.Connection[Any], program: int, before: bytes, first: int, end: int
) -> tuple[bytes, int]:
    """The head after the events between two places in the feed, and how many they are."""
    made = hashlib.sha256(before)
    events = 0
    with connection.transaction(), connection.cursor("links") as cursor:
        cursor.itersize = AT_ONCE
        asked = {"program": program, "first": first, "end": end}
        for (link,) in cursor.execute(statement("head_links"), asked):
            made.update(link)
            events += 1
    return made.digest(), events


def export_heads(conninfo: str, day: date | None = None) -> str:
    """Every head up to a day, to be kept elsewhere. Raises RequestError where there is none."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(statement("head_list"), {"day": day}).fetchall()
    if not rows:
        raise RequestError(
            "heads-none", "no daily head has been written yet", where="chain",
            hint="`laurels jobs run chain-heads` writes one now",
        )  # fmt: skip
    heads = [Head(name, str(on), position, events, head.hex())
             for name, on, position, events, head in rows]  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(Exported(heads)), indent=2).decode() + "\n"


def read_heads(file: Path) -> Exported:
    """Heads that were exported. Raises RequestError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Exported)
    except FileNotFoundError:
        raise RequestError("file-missing", "there is no such file", where=str(file)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestError("heads-form", f"the file holds no heads: {error}", where=str(file),
                           expected="what `laurels chain export` wrote") from None  # fmt: skip


def verify_heads(conninfo: str, exported: Exported, found: Verified) -> None:
    """Compute every exported head again, and note those that come to another."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        rows = connection.execute("SELECT name, program FROM programs").fetchall()
        numbers = {str(name): int(number) for name, number in rows}
        before: dict[str, tuple[bytes, int]] = {}
        for each in exported.heads:
            if each.program not in numbers:
                _differ(found, each, "no such program")
                continue
            start, first = before.get(each.program, (FIRST_HEAD, 0))
            head, events = computed(connection, numbers[each.program], start, first, each.position)
            if head.hex() != each.head:
                _differ(found, each, f"{head.hex()[:16]} over {events} events")
            before[each.program] = (bytes.fromhex(each.head), each.position)
            counts = found.programs.setdefault(each.program, {"posted": {}})
            counts["heads"] = counts.get("heads", 0) + 1


def _differ(found: Verified, head: Head, seen: str) -> None:
    found.kinds["head-differs"] = found.kinds.get("head-differs", 0) + 1
    found.differences.append(Difference(
        "head-differs", head.program, what=f"head of {head.day}",
        expected=f"{head.head[:16]} over {head.events} events", found=seen,
    ))  # fmt: skip
