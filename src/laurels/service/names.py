"""What events are called that postings are about."""

from __future__ import annotations

from collections.abc import Iterable

from laurels.service.ledger_rows import Name
from laurels.service.load import rows_of
from laurels.service.programs import Connection
from laurels.store.rows import numbers


async def absorbed_names(
    connection: Connection, places: Iterable[tuple[int, int]], personal: bool = True
) -> dict[tuple[int, int], Name]:
    """Names of events of those who became these members, by the numbers that they go by there.
    personal: members by their ids, not by their numbers."""
    wanted = sorted(places)
    if not wanted:
        return {}
    spans = await rows_of(connection, "absorbed", members=numbers(sorted({m for m, _ in wanted})))
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for place in wanted:
        inner = [s for s in spans if s[0] == place[0] and s[2] <= place[1] <= s[2] + s[3]]
        if inner:
            found[place] = (inner[-1][1], place[1] - inner[-1][2])
    ordered = sorted(set(found.values()))
    events = {
        (row[0], row[1]): (row[2], row[3])
        for row in await rows_of(
            connection, "events", members=numbers(m for m, _ in ordered),
            sequences=numbers(s for _, s in ordered),
        )
    }  # fmt: skip
    called = dict(
        await rows_of(connection, "called", members=numbers(sorted({m for m, _ in ordered})))
    )
    return {
        place: (
            *events.get(other, ("", "")),
            called.get(other[0], f"~{other[0]}") if personal else f"~{other[0]}",
        )
        for place, other in found.items()
    }
