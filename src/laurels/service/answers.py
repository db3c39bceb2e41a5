"""Answers: of a decision that was just made, and the first one again from what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from laurels.base.errors import Refusal
from laurels.engine.book import REFUSALS
from laurels.engine.kernel import layout as K
from laurels.engine.views import Balance
from laurels.ledger.postings import Posting
from laurels.service.bodies import unpack_bytes
from laurels.service.desk import New, Stored
from laurels.service.programs import Running
from laurels.service.types import STATUSES, Answer


def answer_of(running: Running, new: New, named: str) -> Answer:
    """The answer to an event that was just decided. named: as the sender calls the member."""
    event, decision = new.event, new.decision
    unit = max(0, event.row[K.E_UNIT])
    moved = event.row[K.E_POINTS] if event.type in MOVING and not event.refusal else 0
    return Answer(
        status=decision.status,
        source=event.source,
        id=event.id,
        member=named,
        sequence=new.sequence,
        recorded_at=event.recorded,
        points=scaled(running, unit, moved) if moved else None,
        refusal=decision.refusal,
        postings=decision.postings,
        balances=balances(running, new.balances),
    )


def first_answer(
    running: Running, stored: Stored, named: str, postings: Sequence[Posting], again: bool
) -> Answer:
    """The answer to an event that is known. again: it came in once more."""
    after, refusal, unit, asked, moved = unpack_bytes(stored.answer) if stored.answer else NOTHING
    status = STATUSES[stored.status]
    said = None
    if refusal:
        name = running.compiled.program.units[unit].name
        said = Refusal(REFUSALS[refusal], {"unit": name, "points": asked})
    return Answer(
        status="duplicate" if again else status,
        source=stored.source,
        id=stored.id,
        member=named,
        sequence=stored.sequence,
        recorded_at=stored.recorded_at,
        first=status if again else None,
        points=scaled(running, unit, moved) if moved else None,
        refusal=said,
        postings=tuple(postings),
        balances=balances(running, after),
    )


MOVING = frozenset({"redemption", "hold", "capture", "void", "transfer"})
NOTHING: tuple[list[int], int, int, int, int] = ([], 0, 0, 0, 0)


def scaled(running: Running, unit: int, steps: int) -> Decimal:
    """Steps of a unit as points."""
    return decimal_of(steps, running.compiled.program.units[unit].scale)


def balances(running: Running, steps: Sequence[int]) -> Mapping[str, Balance]:
    """Active, pending, held, debt of every unit in turn, in steps, as balances."""
    found = {}
    for unit in running.compiled.program.units[: len(steps) // 4]:
        four = steps[4 * unit.index : 4 * unit.index + 4]
        found[unit.name] = Balance(*[decimal_of(each, unit.scale) for each in four])
    return found


@lru_cache(4096)
def decimal_of(steps: int, scale: int) -> Decimal:
    """Steps as decimals. Most balances are zero or have been seen lately."""
    return Decimal(steps).scaleb(-scale)
