"""`laurels.testing`, as an integrator uses it."""

import pytest

from laurels.base.errors import ProgramError
from laurels.testing import serving

PROGRAM = """\
program: shop
zone: UTC
currency: EUR
units:
  point: {worth: 0.01}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {title: A point for each euro, on: purchase, give: {points: 1, per: 1}}
    expires: 12 months
    returns: proportional
"""
PURCHASE = {"type": "purchase", "id": "r-1", "member": "anna", "amount": "480.00",
            "occurred_at": "2026-03-01T08:00:00Z"}  # fmt: skip


def test_a_purchase_earns_and_points_expire_when_the_test_lets_time_pass() -> None:
    with (
        serving(PROGRAM, at="2026-03-01T09:00:00Z") as server,
        server.client("till", source="till-7") as till,
    ):
        answer = till.send(PURCHASE)
        assert answer["balances"]["point"]["active"] == "480"
        assert server.now() == "2026-03-01T09:00:00Z"
        server.move_clock("2027-03-03T00:00:00Z")
        later = PURCHASE | {"id": "r-2", "amount": "1.00", "occurred_at": server.now()}
        assert till.send(later)["balances"]["point"]["active"] == "1"


def test_two_servers_know_nothing_of_each_other() -> None:
    with serving(PROGRAM) as one, serving(PROGRAM) as other:
        with one.client() as owner:
            assert owner.send(PURCHASE)["status"] == "taken"
        with other.client() as owner:
            answer = owner.send(PURCHASE)
            assert (answer["status"], answer["sequence"]) == ("taken", 1)
            assert owner.send(PURCHASE)["repeated"] is True


def test_a_program_that_is_wrong_says_so() -> None:
    wrong = PROGRAM.replace("on: purchase", "on: x")
    with pytest.raises(ProgramError, match="no event type `x`"), serving(wrong):
        pass
