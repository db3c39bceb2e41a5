"""`laurels keys`: access keys, made and ended where the database is.

No route does this: whoever can make a key can do everything, so it takes the right to reach the
database itself.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from laurels.base.instants import format_instant
from laurels.base.outside import now, random_bytes
from laurels.cli.problems import print_json, stderr, told, usage

if TYPE_CHECKING:
    pass

Result = TypeVar("Result")

keys = typer.Typer(
    name="keys", no_args_is_help=True, help="Access keys for HTTP.", rich_markup_mode=None
)

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Of the sandbox: keys begin with lt_.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `laurels keys list` shows it.")]
PERIOD = re.compile(r"([0-9]{1,6})([mhd])")
SECONDS = {"m": 60, "h": 3600, "d": 86400}


@keys.callback()
def needs() -> None:
    """Access keys for HTTP."""
    if importlib.util.find_spec("psycopg") is None:
        usage("this needs laurels[service], or laurels[service,embedded] with a server of its own")


@keys.command()
def add(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What it is for, in words.")],
    role: Annotated[
        str, typer.Option("--role", help="till, support, back-office, owner or read-only.")
    ],
    program: Annotated[
        list[str] | None, typer.Option("--program", help="For this program only; may be repeated.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Writes for this source only; again too.")
    ] = None,
    sandbox: Sandbox = False,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    from laurels.cli.database import on_database, who
    from laurels.service.keys import ENTROPY, add_key

    with told(as_json):
        text = on_database(
            sandbox, data, url,
            lambda connection: add_key(
                connection, _prefix(sandbox), label=label, role=role,
                programs=tuple(program or ()), sources=tuple(source or ()), by=who(), now=now(),
                entropy=random_bytes(ENTROPY),
            ),
        )  # fmt: skip
        _show_key(text, as_json)


@keys.command("list")
def show(
    sandbox: Sandbox = False,
    ended: Annotated[bool, typer.Option("--ended", help="Those that have ended too.")] = False,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Print the keys, the newest first. Their text is nowhere to be had."""
    from laurels.cli.database import on_database
    from laurels.service.keys import list_keys

    with told(as_json):
        at = now()
        found = [
            each
            for each in on_database(sandbox, data, url, list_keys)
            if ended or each.ends_at is None or each.ends_at > at
        ]
        rows: list[dict[str, Any]] = [
            {
                "name": each.name,
                "label": each.label,
                "role": each.role,
                "programs": list(each.programs),
                "sources": list(each.sources),
                "created_at": format_instant(each.created_at),
                "ends_at": None if each.ends_at is None else format_instant(each.ends_at),
                "replaces": each.replaces,
            }
            for each in found
        ]
        if as_json:
            print_json({"ok": True, "keys": rows})
            return
        for row in rows:
            scope = " ".join(row["programs"] + row["sources"]) or "everything"
            until = f"  until {row['ends_at']}" if row["ends_at"] else ""
            typer.echo(f"{row['name']}  {row['role']:<11}  {scope}  {row['label']}{until}")


@keys.command()
def rotate(
    name: Name,
    keep: Annotated[
        str, typer.Option("--keep", help="How long the old one still works: 30m, 24h, 7d.")
    ] = "24h",
    sandbox: Sandbox = False,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a key like another one, which ends after a while; print the new one, this once."""
    from laurels.cli.database import on_database, who
    from laurels.service.keys import ENTROPY, rotate_key

    period = PERIOD.fullmatch(keep)
    if period is None:
        usage("a number with m, h or d: 30m, 24h, 7d", "--keep")
    at = now()
    ends_at = at + int(period[1]) * SECONDS[period[2]] * 1_000_000
    with told(as_json):
        text = on_database(
            sandbox, data, url,
            lambda connection: rotate_key(
                connection, _prefix(sandbox), name, by=who(), now=at, ends_at=ends_at,
                entropy=random_bytes(ENTROPY),
            ),
        )  # fmt: skip
        _show_key(text, as_json)


@keys.command()
def revoke(
    name: Name,
    sandbox: Sandbox = False,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """End a key now. Every process has forgotten it within 30 seconds."""
    from laurels.cli.database import on_database
    from laurels.service.keys import revoke_key

    with told(as_json):
        at = now()
        on_database(sandbox, data, url, lambda connection: revoke_key(connection, name, at))
        if as_json:
            print_json({"ok": True, "revoked": name})
        else:
            typer.echo(f"{name} is revoked")


def _prefix(sandbox: bool) -> str:
    from laurels.service.keys import LIVE, SANDBOX

    return SANDBOX if sandbox else LIVE


def _show_key(text: str, as_json: bool) -> None:
    name = text.split("_")[1]
    if as_json:
        print_json({"ok": True, "name": name, "key": text})
        return
    typer.echo(text)
    stderr().print(f"{name}: keep it now, it is shown this once", markup=False)
