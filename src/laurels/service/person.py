"""What is done to a member as a whole: attributes, products, identities; block, close, erase."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from laurels.base.errors import RequestError
from laurels.engine.kernel import layout as K
from laurels.service.audit import audit
from laurels.service.bodies import identity, pack_bytes, unpack_bytes
from laurels.service.chain import forgotten, link
from laurels.service.desk import ACTIVE, BLOCKED, CLOSED, ERASED, STANDINGS, Member
from laurels.service.feed import CHANGED, tell
from laurels.service.load import lock_members, rows_of, run
from laurels.service.programs import Connection, Running
from laurels.service.types import STATUSES, Actor
from laurels.store.rows import numbers

ENROLMENT = ("enrolled", "wallet_activated", "terms_accepted", "profile_completed",
             "ebill_enabled")  # fmt: skip
KNOWN = frozenset({"id", "source", "occurred_at", "attributes", "products", "identities",
                   "enrolment"})  # fmt: skip

MOVES: Mapping[tuple[int, str], int] = {
    (ACTIVE, "block"): BLOCKED,
    (BLOCKED, "block"): BLOCKED,
    (ACTIVE, "unblock"): ACTIVE,
    (BLOCKED, "unblock"): ACTIVE,
    (ACTIVE, "close"): CLOSED,
    (BLOCKED, "close"): CLOSED,
    (CLOSED, "close"): CLOSED,
    (ACTIVE, "erase"): ERASED,
    (BLOCKED, "erase"): ERASED,
    (CLOSED, "erase"): ERASED,
    (ERASED, "erase"): ERASED,
}
"""What becomes of a member; what is not here cannot be done."""
SEALED = STATUSES.index("ignored")


def events_of(change: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    """A change of a member as events, each with an id made of the change's and with its time.

    change  id, occurred_at, source; attributes (a mapping), products (name: held or not),
            identities (kind: value), enrolment (a list of states reached)
    Raises RequestError.
    """
    for name in change:
        if name not in KNOWN:
            raise RequestError("field-unknown", "there is no such field", where=str(name)[:80],
                               expected="one of " + ", ".join(sorted(KNOWN)))  # fmt: skip
    common = {key: change.get(key) for key in ("occurred_at", "source")} | {"member": member}
    number = str(change.get("id") or "")
    found: list[dict[str, Any]] = []
    if change.get("attributes"):
        found.append({**_mapping(change, "attributes"), **common, "id": number, "type": "member"})
    for product, held in _mapping(change, "products").items():
        kind = "product_opened" if held else "product_closed"
        found.append({**common, "id": f"{number}/{product}", "type": kind, "product": product})
    for kind in _mapping(change, "identities"):
        # who it is stays with the person; that it was said, and when, is an event
        found.append({**common, "id": f"{number}/{kind}", "type": "identified", "kind": kind})
    for state in change.get("enrolment") or ():
        if state not in ENROLMENT:
            raise RequestError(
                "event-value-unknown", f"`{str(state)[:40]}` is no state of it",
                where="enrolment", expected="one of " + ", ".join(ENROLMENT),
            )  # fmt: skip
        found.append({**common, "id": f"{number}/{state}", "type": state})
    return found


def _mapping(change: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = change.get(name) or {}
    if not isinstance(value, Mapping):
        raise RequestError("field-wrong", "it is no mapping", where=name, expected="a mapping")
    return value


async def identify(
    connection: Connection, running: Running, key: bytes, member: int, identities: Mapping[str, Any]
) -> None:
    """Let a member go by more names: `phone:+7...`. Raises RequestError where one is taken."""
    names = {f"{kind}:{value}": identity(f"{kind}:{value}", key) for kind, value in
             identities.items()}  # fmt: skip
    rows = await rows_of(
        connection, "add_identities", program=running.number, member=member,
        identities=sorted(names.values()),
    )  # fmt: skip
    owners = dict(rows)
    for name, hashed in names.items():
        if owners.get(hashed) != member:
            raise RequestError(
                "identity-taken", "it belongs to another member",
                where=f"identities.{name.partition(':')[0]}", hint="merge the two members",
            )  # fmt: skip
    cursor = await connection.execute(
        "SELECT identities FROM people WHERE member = %s FOR UPDATE", [member]
    )
    row = await cursor.fetchone()
    known = msgspec.json.decode(row[0]) if row else []
    added = [[kind, str(value)] for kind, value in identities.items()]
    known += [each for each in added if each not in known]
    await connection.execute(
        "UPDATE people SET identities = %s WHERE member = %s",
        [msgspec.json.encode(known).decode(), member],
    )


async def change_status(
    connection: Connection, running: Running, key: bytes, actor: Actor, member: int, what: str,
    now: int,
) -> str:  # fmt: skip
    """Block, unblock, close or erase a member; returns its status. Raises RequestError."""
    rows = await lock_members_now(connection, member)
    row = rows[member]
    status = MOVES.get((row.status, what))
    if status is None:
        raise RequestError(
            "member-closed", f"a member that is {STANDINGS[row.status]} cannot be changed so",
            where="member",
        )  # fmt: skip
    if status == row.status:
        return STANDINGS[status]
    if status == ERASED:
        became = await rows_of(connection, "absorbed", members=numbers([member]))
        others = await lock_members_now(connection, *(each[1] for each in became))
        names = await names_under(connection, member, key)
        for each in (row, *others.values()):
            await _erase(connection, running, actor, each, now)
        await connection.execute(
            "DELETE FROM identities WHERE program = %s AND identity = ANY(%s) AND member = %s",
            [running.number, names, member],
        )
    await connection.execute("UPDATE members SET status = %s WHERE member = %s", [status, member])
    await audit(connection, now, actor, f"{what}_member", running.number, member)
    await tell(connection, running.number, CHANGED, now, member=member)
    return STANDINGS[status]


async def lock_members_now(connection: Connection, *members: int) -> dict[int, Member]:
    """Lock members, waiting for those that are not free."""
    await connection.execute(
        "SELECT 1 FROM members WHERE member = ANY(%s) ORDER BY member FOR UPDATE",
        [sorted(members)],
    )
    return await lock_members(connection, members)


async def _erase(
    connection: Connection, running: Running, actor: Actor, row: Member, now: int
) -> None:
    """Seal the member, then forget the person. The seal holds the state and its hash, so that the
    books can be proved from there; of what was forgotten the hash remains, so that the chain of
    the member's events can still be computed."""
    state = impersonal(running, row.state) if row.state else b""
    body = msgspec.json.encode({
        "layout": row.layout, "sequence": row.sequence, "state": state.hex(),
        "hash": hashlib.sha256(state).hexdigest(),
    }).decode()  # fmt: skip
    name = f"seal-{row.sequence + 1}"
    chain = link(row.chain, "", name, "sealed", SEALED, now, now, running.epoch, actor.name, body,
                 None, None)  # fmt: skip
    await run(connection, "seal", member=row.member, sequence=row.sequence + 1, id=name, at=now,
              status=SEALED, epoch=running.epoch, actor=actor.name, body=body, chain=chain,
              state=state)  # fmt: skip
    cursor = await connection.execute(
        "SELECT sequence, body FROM personal WHERE member = %s", [row.member]
    )
    for sequence, said in await cursor.fetchall():
        await connection.execute(
            "UPDATE personal SET body = %s WHERE member = %s AND sequence = %s",
            [forgotten(said), row.member, sequence],
        )
    for table in ("people", "parked", "checkpoints"):
        await connection.execute(f"DELETE FROM {table} WHERE member = %s".encode(), [row.member])


async def names_under(connection: Connection, member: int, key: bytes) -> list[bytes]:
    """Everything that a member is called, and that those were called who became it."""
    cursor = await connection.execute(
        "WITH RECURSIVE became AS (SELECT %s::bigint AS member UNION ALL"
        " SELECT m.absorbed FROM became b JOIN merges m ON m.member = b.member)"
        " SELECT name, identities FROM people JOIN became USING (member)",
        [member],
    )
    names: set[str] = set()
    for name, identities in await cursor.fetchall():
        names |= {name, *(f"{kind}:{value}" for kind, value in msgspec.json.decode(identities))}
    return [identity(name, key) for name in sorted(names)]


def impersonal(running: Running, state: bytes) -> bytes:
    """A state without what it knows of the person: the birthday and attributes."""
    packed = unpack_bytes(state)
    s = packed[0]
    s[K.BORN], s[K.BIRTHDAY] = 0, K.NEVER
    for name, slot in running.compiled.slots.state.items():
        if name.startswith("MEMBER_"):
            s[slot] = 0
    return pack_bytes(packed)
