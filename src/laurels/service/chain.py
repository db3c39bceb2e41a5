"""The chain of a member's events: each link is a hash over everything that stands in the event's
row, and over the link before it.

It covers what was sent and what came of it: when it was recorded, by which text, what was decided,
how much room budgets had, what was answered. Of what is kept of a person it covers a hash only, so
that the links still compute when the person has been forgotten.
"""

from __future__ import annotations

import hashlib

import msgspec

PERSONAL = "sha256:"


def link(
    before: bytes | None, source: str, identity: str, kind: str, status: int, occurred: int,
    recorded: int, epoch: int, actor: str, body: str, kept: bytes | None, answer: bytes | None,
) -> bytes:  # fmt: skip
    """The link of an event: what stands in its row, in the order of the columns.

    body  as it was sent; of what is kept apart with the person, `personal` of it
    """
    said = (
        f"{source}\x1f{identity}\x1f{kind}\x1f{status}\x1f{occurred}\x1f{recorded}\x1f{epoch}"
        f"\x1f{actor}\x1f{body}\x1f"
    ).encode()
    return hashlib.sha256(b"".join((before or b"", said, kept or b"", answer or b""))).digest()


def personal(body: str) -> str:
    """What the chain covers of a body that is kept with the person."""
    return PERSONAL + hashlib.sha256(body.encode()).hexdigest()


def forgotten(body: str) -> str:
    """A body when the person has been forgotten: what the chain needs of it remains."""
    return msgspec.json.encode({"erased": personal(body)}).decode()


def covered(kind: str, body: str, said: str | None) -> str:
    """What the chain covers of a body as it is stored; said: what is kept with the person."""
    if kind != "member" or said is None:
        return body
    if said.startswith('{"erased":'):
        return str(msgspec.json.decode(said)["erased"])
    return personal(said)
