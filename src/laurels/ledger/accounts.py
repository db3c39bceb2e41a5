"""The chart of accounts, the kinds of postings, and which movements are legal.

Points of a unit are always somewhere: still with the program (``program:issued``), with the
member in some stage, or gone in some way. A posting moves them from one account to another, so a
unit always sums to zero.
"""

from __future__ import annotations

from collections.abc import Mapping

ACCOUNTS: Mapping[int, str] = {
    1: "program:issued",
    2: "member:pending",
    3: "member:active",
    4: "member:held",
    5: "member:debt",
    6: "program:redeemed",
    7: "program:expired",
    8: "program:returned",
    9: "program:adjusted",
    10: "program:transferred",
    11: "program:waived",
}

KINDS: Mapping[int, str] = {
    1: "earned",
    2: "activated",
    3: "spent",
    4: "expired",
    5: "taken_back",
    6: "debt",
    7: "debt_paid",
    8: "held",
    9: "released",
    10: "adjusted",
    11: "transferred",
    12: "waived",
}

_OUT = ("program:redeemed", "program:returned", "program:adjusted", "program:transferred")

FLOWS: Mapping[str, frozenset[tuple[str, str]]] = {
    "earned": frozenset(
        {("program:issued", "member:pending"), ("program:issued", "member:active")}
    ),
    "activated": frozenset({("member:pending", "member:active")}),
    "spent": frozenset(
        {("member:active", "program:redeemed"), ("member:held", "program:redeemed")}
    ),
    "expired": frozenset({("member:active", "program:expired")}),
    "taken_back": frozenset(
        {("member:active", "program:returned"), ("member:pending", "program:returned")}
    ),
    "debt": frozenset({("member:debt", account) for account in (*_OUT, "member:held")}),
    "debt_paid": frozenset({("member:active", "member:debt")}),
    "held": frozenset({("member:active", "member:held")}),
    "released": frozenset({("member:held", "member:active")}),
    "adjusted": frozenset(
        {
            ("program:adjusted", "member:active"),
            ("member:active", "program:adjusted"),
            ("program:adjusted", "member:pending"),
            ("member:pending", "program:adjusted"),
        }
    ),
    "transferred": frozenset(
        {("program:transferred", "member:active"), ("member:active", "program:transferred")}
    ),
    "waived": frozenset({("program:waived", account) for account in (*_OUT, "member:held")}),
}
"""The legal movements of each kind. A correction may also run backwards."""
