"""`laurels verify`: the books against a fold of the events. `laurels chain`: the heads of the
chains, so that what was verified once can be held against the books later."""

from __future__ import annotations

import importlib.util
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from laurels.base.errors import RequestError
from laurels.cli.problems import WRONG_INPUT, print_json, stdout, told, usage

if TYPE_CHECKING:
    from laurels.service.verify.run import Verified

SHOWN = 20
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="The sandbox instead of the live books.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
ProgramName = Annotated[
    str | None, typer.Option("--program", metavar="NAME", help="One program; else all.")
]

chain = typer.Typer(
    name="chain", no_args_is_help=True, help="Daily heads of the chains of hashes.",
    rich_markup_mode=None,
)  # fmt: skip


def verify(
    program: ProgramName = None,
    member: Annotated[
        str | None, typer.Option("--member", metavar="ID", help="One member.")
    ] = None,
    members: Annotated[
        str | None,
        typer.Option("--members", metavar="FROM..TO", help="Members by their ids, both included."),
    ] = None,
    connections: Annotated[
        int, typer.Option("--connections", min=1, help="Processes that read and fold at once.")
    ] = os.cpu_count() or 1,
    repair: Annotated[
        str | None,
        typer.Option(
            "--repair", metavar="state", help="Make wrong caches anew from the events; no posting."
        ),
    ] = None,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", metavar="FILE", help="Also against heads that were exported."),
    ] = None,
    data: Data = None,
    url: Url = None,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> None:
    """Fold every member again from the stored events and compare with the books.

    Exit code 0: equal. 1: something differs. The database may be in use; one snapshot is verified.
    """
    if importlib.util.find_spec("psycopg") is None:
        usage("this needs laurels[service], or laurels[service,embedded] with a server of its own")
    from laurels.cli.database import chosen
    from laurels.service.verify.heads import read_heads, verify_heads
    from laurels.service.verify.repair import repair_state
    from laurels.service.verify.run import verify as run

    if repair not in (None, "state"):
        usage("only `state` can be repaired: postings and events are never changed", "--repair")
    if member is not None and members is not None:
        usage("either one member or a range", "--members")
    span = (member, member) if member is not None else _span(members)
    with told(as_json):
        exported = read_heads(heads) if heads is not None else None
        with chosen(sandbox, data, url) as place:
            found = run(place, program=program, members=span, connections=connections)
            repaired = 0
            if repair and found.repair:
                repaired = repair_state(place, found.repair)
                found = run(place, program=program, members=span, connections=connections)
            if exported is not None:
                verify_heads(place, exported, found)
    if as_json:
        print_json(_data(found, repaired))
    else:
        _show(found, repaired)
    raise typer.Exit(0 if found.equal else WRONG_INPUT)


def _span(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    first, dots, last = text.partition("..")
    if not (first and dots and last):
        usage("a range is FROM..TO, both members' ids", "--members")
    return first, last


def _data(found: Verified, repaired: int) -> dict[str, Any]:
    return {
        "ok": found.equal,
        "programs": found.programs,
        "repaired": repaired,
        "kinds": found.kinds,
        "differences": [each.as_data() for each in found.differences],
    }


def _show(found: Verified, repaired: int) -> None:
    console = stdout()
    for name, counts in found.programs.items():
        told = ", ".join(f"{n:,} {what}" for what, n in counts.items() if isinstance(n, int) and n)
        console.print(Text.assemble((name, "bold"), f"  {told}"))
        for unit, points in counts["posted"].items():
            console.print(Text(f"  {points} {unit} moved by all postings", "dim"))
        if (waived := counts.get("waived")) is not None:
            console.print(Text(
                f"  waived and counted as such: {waived['corrections']} corrections of"
                f" {waived['members']} members, {waived['points']}", "dim"
            ))  # fmt: skip
    if repaired:
        console.print(f"{repaired} members' states were made anew")
    if found.equal:
        console.print(Text("The books are what the events say.", "green"))
        return
    total = sum(found.kinds.values())
    console.print(Text(f"{total} differences", "bold red"))
    for each in found.differences[:SHOWN]:
        place = " ".join(filter(None, [
            each.program, each.member, f"at {each.sequence}" if each.sequence else "",
            f"event {each.event}" if each.event else "",
        ]))  # fmt: skip
        console.print(Text.assemble((each.kind, "red"), f"  {place}"))
        what = f"  {each.what}: expected {each.expected}, found {each.found}"
        console.print(Text(what), soft_wrap=True)
        console.print(Text(f"  likely: {each.likely}", "dim"), soft_wrap=True)
    if len(found.differences) > SHOWN:
        console.print(f"... and more; --json has the first {len(found.differences)}")


@chain.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON; `-` is stdout.")],
    day: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="Of that day; else the latest.")
    ] = None,
    data: Data = None,
    url: Url = None,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> None:
    """Save the daily heads of every program, to be kept elsewhere and checked later."""
    from laurels.cli.database import chosen
    from laurels.service.verify.heads import export_heads

    with told(as_json):
        with chosen(sandbox, data, url) as place:
            text = export_heads(place, _date(day))
        if str(file) == "-":
            typer.echo(text, nl=False)
            return
        if file.exists():
            raise RequestError("file-exists", "there is such a file", where=str(file),
                               expected="a new name")  # fmt: skip
        file.write_text(text, "utf-8")
        if as_json:
            print_json({"ok": True, "file": str(file)})


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise RequestError(
            "event-date", f"`{text}` is no date", where="--date", expected="such as 2026-03-01"
        ) from None
