"""What goes out by `laurels export` gives the same postings again, bit for bit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from laurels import load
from laurels.cli.app import app
from laurels.engine.compiled import Compiled
from laurels.ledger.postings import Posting
from laurels.replay.options import Files, Options
from laurels.replay.play import play
from laurels.replay.run import replay
from laurels.service.imports import import_events
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.testing import throwaway_database
from support.service import postings as stored_postings

PROGRAMS = Path(__file__).parent.parent.parent / "programs"
OWNER = Actor("owner")
GIFTS = """\
program: gifts
zone: Europe/Riga
currency: EUR
units:
  point: {worth: 0.01, transferable: true}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {title: A point for each euro, on: purchase, give: {points: 1, per: 1}}
    expires: 12 months
    returns: full
"""
DETAILS: dict[str, dict[str, str]] = {
    "retail-starter": {},
    "mired-coalition": {"partner": "KONDITER44", "method": "qr"},
    "gifts": {},
}


def history(details: dict[str, str]) -> list[dict[str, Any]]:
    """Purchases with and without lines, late ones, returns, holds, points by hand, members who
    become one, and what is taken back across it."""
    events: list[dict[str, Any]] = []

    def add(name: str, kind: str, member: int, day: int, hour: int, **more: Any) -> None:
        events.append({"id": name, "source": "shop", "type": kind, "member": f"m{member}",
                       "occurred_at": f"2026-03-{day:02}T{hour:02}:00:00Z", **more})  # fmt: skip

    for number in range(90):
        day, member, more = 1 + number // 4, number % 5, dict[str, Any](details)
        more["amount"] = f"{200 + number * 37 % 900}.{number % 100:02}"
        if number % 9 == 4:
            more["lines"] = [{"line": "a", "amount": "100.00"}, {"line": "b", "amount": "50.00"}]
            more["amount"] = "150.00"
        if number % 11 == 5:
            more["recorded_at"] = f"2026-03-{day + 2:02}T23:00:00Z"
        add(f"e{number}", "purchase", member, day, 8 + number % 12, **more)
        back = {"returns": f"e{number}", "recorded_at": f"2026-03-{day + 3:02}T21:30:00Z"}
        if number % 13 == 7:
            add(f"r{number}", "return", member, day, 21, amount="50.00", **back)
        if number % 9 == 4:
            add(f"l{number}", "return", member, day, 22, line="b", amount="50.00", **back)
        if number % 17 == 11:
            add(f"w{number}", "withdrawn", member, day + 3, 22, withdraws=f"e{number}")
        if number % 19 == 3:
            add(f"s{number}", "redemption", member, day + 1, 9, points="100", **details)
            add(f"h{number}", "hold", member, day + 1, 10, points="100", **details)
            add(f"c{number}", "capture", member, day + 1, 11, hold=f"h{number}", points="60")
    for day in (5, 9, 19):
        add(f"t{day}", "transfer", 2, day, 13, to="m4", points="30")
    add("adj", "adjustment", 1, 20, 1, direction="credit", points="25", reason="late, dear Ann")
    add("join", "merged", 0, 15, 7, absorbed="m3")
    add("chain", "merged", 1, 18, 7, absorbed="m0")
    return events


def text_of(name: str) -> str:
    return GIFTS if name == "gifts" else (PROGRAMS / name / "program.yaml").read_text()


def replayed(compiled: Compiled, files: Files) -> list[Posting]:
    found: list[Posting] = []
    result = replay(
        compiled, files.read(compiled), as_recorded=True, sink=lambda _, rows: found.extend(rows)
    )
    assert result.rejected == []
    return found


async def brought_in(service: Service, compiled: Compiled, files: Files) -> list[Posting]:
    """What was posted by an import, up to its last event."""
    await service.publish(OWNER, compiled.name, text_of(compiled.name))
    done = await import_events(service, OWNER, compiled.name, files.read(compiled), lambda *_: None)
    assert done.rejected == []
    return await stored_postings(service, compiled.name)


@pytest.mark.parametrize("name", sorted(DETAILS))
def test_import_export_and_replay_as_recorded_post_the_same(name: str, tmp_path: Path) -> None:
    place = tmp_path / "program.yaml"
    place.write_text(text_of(name))
    compiled = load(place)
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in history(DETAILS[name])))
    exported = Files((tmp_path / "out" / "events.parquet",))

    async def go() -> None:
        async with await Service.open(throwaway_database().service) as service:
            first = await brought_in(service, compiled, Files((file,)))
            done = await service.export(
                OWNER, name, tmp_path / "out", personal=True, progress=lambda *_: None
            )
            assert (done.members, done.postings) == (5, len(first))
        expected = replayed(compiled, exported)
        assert {each.kind for each in expected} >= {"earned", "adjusted"}
        assert any(each.corrects for each in expected)
        end = max(each.posted_at for each in first)
        assert sorted(first, key=str) == sorted(
            [each for each in expected if each.posted_at <= end], key=str
        )
        async with await Service.open(throwaway_database().service) as service:
            assert sorted(await brought_in(service, compiled, exported), key=str) == sorted(
                first, key=str
            )

    asyncio.run(go())
    for engine in ("python", "numba") if name == "mired-coalition" else ("python",):
        rows = table(compiled, exported, engine)  # type: ignore[arg-type]
        assert rows == sorted(pq.read_table(tmp_path / "out/postings.parquet").to_pylist(), key=str)


def table(compiled: Compiled, files: Files, engine: Literal["python", "numba"]) -> list[Any]:
    """What a replay writes into `postings.parquet`."""
    from laurels.replay.output import books_in

    folder = files.paths[0].parent / engine
    with books_in(folder, compiled, ["parquet"]) as books:
        play(compiled, files, books, Options(engine=engine, as_recorded=True))
    return sorted(pq.read_table(folder / "postings.parquet").to_pylist(), key=str)


def test_without_the_flag_nothing_names_a_person(tmp_path: Path) -> None:
    database = throwaway_database().service
    compiled = load(PROGRAMS / "retail-starter/program.yaml")
    file = tmp_path / "events.jsonl"
    born = {"id": "k", "type": "member", "member": "m1", "born": "1990-05-17",
            "occurred_at": "2026-03-01T00:00:00Z"}  # fmt: skip
    file.write_text("".join(json.dumps(each) + "\n" for each in [born, *history({})]))

    async def go() -> None:
        async with await Service.open(database) as service:
            await brought_in(service, compiled, Files((file,)))

    asyncio.run(go())
    told = CliRunner().invoke(
        app, ["export", compiled.name, "--out", str(tmp_path / "out"), "--url", database, "--json"]
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["members"] == 5
    rows = pq.read_table(tmp_path / "out/events.parquet").to_pylist()
    assert all(row["member"].startswith("~") for row in rows)
    assert not {"born", "reason", "author"} & set(rows[0])
    assert all(row["absorbed"].startswith("~") for row in rows if row["absorbed"])
    for each in ("postings", "members"):
        text = str(pq.read_table(tmp_path / f"out/{each}.parquet").to_pylist())
        assert "m1" not in text
    exported = replayed(compiled, Files((tmp_path / "out/events.parquet",)))
    names = {row["posting"] for row in pq.read_table(tmp_path / "out/postings.parquet").to_pylist()}
    assert names <= {each.id for each in exported}
