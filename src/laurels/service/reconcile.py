"""Three books of the same points, held against each other: postings, states, the roll-up.

    postings = roll-up     by day, unit and pair of accounts
    postings = states      by member, unit and stage
    lots = active          in each state

Read from one snapshot for each stride of members, so it can run beside traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from laurels.engine.kernel import layout as K
from laurels.service.bodies import unpack_bytes
from laurels.service.ledger_days import rebuild
from laurels.service.load import read_members, rows_of
from laurels.service.programs import Connection, Running
from laurels.service.reading import snapshot
from laurels.store.rows import numbers

STRIDE = 1000
NAMED = 20
"""Members named in a report, at most."""

STAGES = ((K.U_ACTIVE, K.AT_ACTIVE, 1), (K.U_PENDING, K.AT_PENDING, 1), (K.U_HELD, K.AT_HELD, 1),
          (K.U_DEBT, K.AT_DEBT, -1))  # fmt: skip
"""Slot of the state, account, and the sign of the account's balance."""


@dataclass
class Found:
    """What does not agree; `wrong` names members by their numbers, some of them."""

    members: int = 0
    members_wrong: int = 0
    wrong: list[int] = field(default_factory=list)
    days_wrong: int = 0

    @property
    def differences(self) -> int:
        """How many; 0: the books agree."""
        return self.members_wrong + self.days_wrong

    def data(self) -> dict[str, Any]:
        """For the log."""
        return {"members": self.members, "differences": self.differences,
                "members_wrong": self.members_wrong, "wrong": list(self.wrong),
                "days_wrong": self.days_wrong}  # fmt: skip


async def reconcile(connection: Connection, running: Running) -> Found:
    """Hold the books against each other. Days of the roll-up that are wrong are counted, and summed
    again: it is a cache. Nothing else is changed."""
    found = Found()
    async with snapshot(connection):
        found.days_wrong = len(await rows_of(connection, "ledger_differs", program=running.number))
    if found.days_wrong:
        await rebuild(connection, running.number)
    after = -1
    while True:
        async with snapshot(connection):
            rows = await rows_of(
                connection, "members_after", program=running.number, after=after, limit=STRIDE
            )
            if not rows:
                return found
            members = [row[0] for row in rows]
            states = await read_members(connection, members)
            posted = await rows_of(connection, "posted_by_member", members=numbers(members))
        after = members[-1]
        sums = {(member, unit, account): int(steps) for member, unit, account, steps in posted}
        for member in members:
            found.members += 1
            row = states[member]
            if row.layout == running.layout and not agrees(running, member, row.state, sums):
                found.members_wrong += 1
                found.wrong = [*found.wrong, member][:NAMED]


def agrees(
    running: Running, member: int, state: bytes | None, sums: dict[tuple[int, str, int], int]
) -> bool:
    """Whether a state says what its member's postings come to, and its lots what it says."""
    if state is None:
        return True
    packed = unpack_bytes(state)
    slots, active = packed[0], packed[1]
    for unit in running.compiled.program.units:
        block = K.HEAD + unit.index * K.UNIT
        for slot, account, sign in STAGES:
            if sign * slots[block + slot] != sums.get((member, unit.name, account), 0):
                return False
        if sum(active[unit.index][2 :: K.ACTIVE_LOT]) != slots[block + K.U_ACTIVE]:
            return False
    return True
