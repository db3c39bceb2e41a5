"""Histories in which members turn out to be one."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import laurels
from laurels.replay.options import Files, Options
from laurels.replay.play import play
from laurels.replay.run import replay

SHOP = laurels.load(Path(__file__).parents[2] / "programs" / "retail-starter" / "program.yaml")


def history() -> list[dict[str, Any]]:
    def bought(name: str, member: str, when: str, amount: str) -> dict[str, Any]:
        return {"id": name, "type": "purchase", "member": member, "occurred_at": when,
                "amount": amount}  # fmt: skip

    return [
        bought("a1", "anna", "2026-03-02T10:00:00Z", "100.00"),
        bought("b1", "bella", "2026-03-03T10:00:00Z", "200.00"),
        {"id": "m", "type": "merged", "member": "anna", "absorbed": "bella",
         "occurred_at": "2026-03-10T10:00:00Z"},
        bought("a2", "bella", "2026-03-11T10:00:00Z", "50.00"),
        {"id": "r1", "type": "return", "member": "anna", "returns": "b1", "amount": "80.00",
         "occurred_at": "2026-03-12T10:00:00Z"},
        {**bought("a0", "anna", "2026-03-09T10:00:00Z", "10.00"),
         "recorded_at": "2026-03-13T10:00:00Z"},
    ]  # fmt: skip


@pytest.mark.parametrize("as_recorded", [False, True])
def test_who_was_merged_ends_and_the_one_who_stays_has_it_all(as_recorded: bool) -> None:
    balances = {}
    result = replay(
        SHOP, history(), as_recorded=as_recorded,
        sink=lambda book, _: balances.__setitem__(book.member, book.balance("point").active),
    )  # fmt: skip
    assert balances["anna"] == Decimal(280)
    assert (result.events["taken"], result.rejected) == (6, [])
    assert result.tally.stages["point", "active"] == 280


@pytest.mark.parametrize("engine", ["numba", "python"])
def test_both_engines_take_a_merge_from_a_file(engine: Any, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in history()))
    result = play(SHOP, Files([file]), None, Options(engine=engine))
    assert result.tally.stages["point", "active"] == 280


def test_a_merge_with_nobody_is_rejected() -> None:
    events = [{**each, "absorbed": "nobody"} if each["type"] == "merged" else each
              for each in history()]  # fmt: skip
    result = replay(SHOP, events)
    assert [each.column for each in result.rejected] == ["absorbed"]
