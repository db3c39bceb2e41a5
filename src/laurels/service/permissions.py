"""Who may do what: a table of commands and roles, and the scope of a key.

The table is the contract: docs/http.md shows it, the HTTP routes are held to it by a test. A key
has one role; `programs` and `sources` narrow it further, and an empty scope is no limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from laurels.base.errors import RequestError
from laurels.service.types import Actor, Role

ROLES: tuple[Role, ...] = get_args(Role)
STAFF: frozenset[Role] = frozenset({"support", "back-office", "owner"})
OFFICE: frozenset[Role] = frozenset({"back-office", "owner"})
READERS: frozenset[Role] = STAFF | {"read-only"}
EVERYONE: frozenset[Role] = READERS | {"till"}
SELLERS: frozenset[Role] = OFFICE | {"till"}
OWNER: frozenset[Role] = frozenset({"owner"})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    # what happens at a till
    "send_events": SELLERS,
    "read_event": EVERYONE,
    "quote": EVERYONE,
    "place_hold": SELLERS,
    "read_hold": EVERYONE,
    "capture_hold": SELLERS,
    "void_hold": STAFF | {"till"},
    # a member
    "read_member": EVERYONE,
    "list_postings": READERS,
    "explain_posting": READERS,
    "write_member": STAFF,
    "block_member": STAFF,
    "unblock_member": STAFF,
    "merge_members": OFFICE,
    "close_member": OFFICE,
    "erase_member": OWNER,
    # what moves points by hand
    "adjust": STAFF,
    "transfer": OFFICE,
    "withdraw_event": OFFICE,
    "open_balance": OFFICE,
    "propose_correction": OFFICE,
    "read_correction": OFFICE | {"read-only"},
    "approve_correction": OFFICE,
    "waive_correction": OFFICE,
    # the caller itself
    "read_key": EVERYONE,
    # the whole program
    "list_events": READERS,
    "read_program": EVERYONE,
    "publish_program": OWNER,
    "prepare_program": OWNER,
    "read_ledger": OFFICE | {"read-only"},
    "read_closings": OFFICE | {"read-only"},
    "read_feed": OFFICE | {"read-only"},
    "add_webhook": OWNER,
    "list_webhooks": OWNER,
    "read_webhook": OWNER,
    "change_webhook": OWNER,
    "pause_webhook": OWNER,
    "resume_webhook": OWNER,
    "rotate_webhook": OWNER,
    "replay_webhook": OWNER,
    "drop_webhook": OWNER,
    # a sandbox
    "read_clock": EVERYONE,
    "move_clock": OFFICE,
}
"""command: the roles that may."""

COMMAND_OF_TYPE: Mapping[str, str] = {
    "adjustment": "adjust",
    "transfer": "transfer",
    "withdrawn": "withdraw_event",
    "sealed": "open_balance",
    "member": "write_member",
}
"""Events that are a command of their own: sending one needs that permission too."""

OPEN_IDENTITIES = frozenset({"phone", "email"})
"""Identities that anybody could guess. A till reads no member by one of these: to it, everybody's
phone number is as unknown as nobody's."""

SOURCE_DEFAULT = "api"
"""The source of what is sent without one by a key that is bound to none."""

SOURCE_MAX = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an access key, as far as permissions go.

    key       the name of the key, which is what the record says of who did something
    programs  names that it may touch, sources that it may write; none: all
    """

    key: str
    role: Role
    programs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """The same for the service."""
        return Actor(self.key, frozenset({self.role}), self.sources or ("*",))


def may(caller: Caller, command: str) -> bool:
    """Whether the caller's role may do a command."""
    return caller.role in PERMISSIONS[command]


def check_may(caller: Caller, command: str, program: str | None = None) -> None:
    """Raise RequestError `not-permitted` unless role and scope allow a command.

    A program outside of the scope is told like one that is not there.
    """
    if not may(caller, command):
        roles = ", ".join(sorted(PERMISSIONS[command]))
        raise RequestError(
            "not-permitted",
            f"a key of role {caller.role} may not {command.replace('_', ' ')}",
            expected=f"a key of role {roles}",
        )
    if program is not None and caller.programs and program not in caller.programs:
        raise RequestError(
            "not-permitted",
            "the key is for other programs",
            expected="a key whose scope holds this program",
        )


def check_event_type(caller: Caller, kind: object) -> None:
    """Raise RequestError unless the caller may send events of a type."""
    command = COMMAND_OF_TYPE.get(kind) if isinstance(kind, str) else None
    if command is not None and not may(caller, command):
        raise RequestError(
            "not-permitted",
            f"a key of role {caller.role} may not send events of this type",
            where="type",
        )


def is_guess(caller: Caller, member: object) -> bool:
    """Whether a till names a member by what can be guessed."""
    if caller.role != "till" or not isinstance(member, str):
        return False
    kind, colon, _ = member.partition(":")
    return bool(colon) and kind.strip().lower() in OPEN_IDENTITIES


def check_member_text(caller: Caller, member: object) -> None:
    """Raise RequestError `member-unknown` where a till names a member by what can be guessed."""
    if is_guess(caller, member):
        raise RequestError(
            "member-unknown",
            "there is no such member",
            where="member",
            hint="a till names members by id or card",
        )


def source_for(caller: Caller, asked: object) -> str:
    """The source of what a caller writes: what it names, else the first of its key.

    Raises: RequestError where its key is bound to other sources.
    """
    if asked is None or asked == "":
        return caller.sources[0] if caller.sources else SOURCE_DEFAULT
    if caller.sources and asked not in caller.sources:
        raise RequestError(
            "not-permitted",
            "the key is bound to other sources",
            where="source",
            expected="one of " + ", ".join(caller.sources),
        )
    if not isinstance(asked, str) or len(asked) > SOURCE_MAX or not asked.isprintable():
        raise RequestError(
            "field-value", "it is no name of a source", where="source",
            expected=f"a text of at most {SOURCE_MAX} characters",
        )  # fmt: skip
    return asked
