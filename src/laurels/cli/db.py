"""`laurels db`: the database, where it is and how to get at it.

For the embedded server in a folder, or with --url (or LAURELS_DATABASE_URL) for an owner's own.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Annotated

import typer

from laurels.base.errors import RequestError, Unavailable
from laurels.cli.problems import print_json, stderr, stdout, told, usage

db = typer.Typer(
    name="db", no_args_is_help=True, help="The database: find it, start it, save it.",
    rich_markup_mode=None,
)  # fmt: skip

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Database = Annotated[str, typer.Option("--database", help="Its name on the embedded server.")]
Role = Annotated[str, typer.Option("--role", help="Of the embedded server.")]
File = Annotated[Path, typer.Argument(metavar="FILE")]


@db.callback()
def needs() -> None:
    """The database: find it, start it, save it."""
    if importlib.util.find_spec("psycopg") is None:
        usage("this needs laurels[service], or laurels[service,embedded] with a server of its own")


@db.command()
def where(data: Data = None, url: Url = None, as_json: AsJson = False) -> None:
    """Print how to connect to the database."""
    from laurels.cli.database import embedded, settings
    from laurels.store.roles import SERVICE_ROLE

    with told(as_json):
        found = settings(data, url)
        place = found.database_url or embedded(found).url(SERVICE_ROLE)
        facts = {"url": place}
        if not found.database_url:
            facts["folder"] = str(embedded(found).folder)
        if as_json:
            print_json({"ok": True, **facts})
        else:
            typer.echo("\n".join(facts.values()))


@db.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Say whether the embedded server runs, from which folder, as whom."""
    from laurels.cli.database import embedded, settings

    with told(as_json):
        seen = embedded(settings(data)).status()
        facts = {
            "folder": str(seen.folder),
            "account": seen.account,
            "version": seen.version,
            "pid": seen.pid,
            "in_use": seen.in_use,
            "kept": seen.kept,
        }
        if as_json:
            print_json({"ok": True, **facts})
            return
        running = f"running, process {seen.pid}" if seen.pid else "stopped"
        lines = [running if seen.version else "not made yet", f"folder {seen.folder}"]
        if seen.version:
            lines.append(f"PostgreSQL {seen.version}, as {seen.account}")
        if seen.kept:
            lines.append("kept until `laurels db stop`")
        typer.echo("\n".join(lines))


@db.command()
def start(data: Data = None, as_json: AsJson = False) -> None:
    """Start the embedded server and leave it running."""
    from laurels.cli.database import embedded, settings
    from laurels.store.roles import SERVICE_ROLE

    with told(as_json):
        server = embedded(settings(data))
        server.start(keep=True)
        place = server.url(SERVICE_ROLE)
        server.release()
        if as_json:
            print_json({"ok": True, "url": place})
        else:
            typer.echo(place)


@db.command()
def stop(
    data: Data = None,
    force: Annotated[bool, typer.Option("--force", help="Even while it is in use.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the embedded server."""
    from laurels.cli.database import embedded, settings

    with told(as_json):
        stopped = embedded(settings(data)).stop(force=force)
        if as_json:
            print_json({"ok": True, "stopped": stopped})
        else:
            typer.echo("stopped" if stopped else "it was not running")


@db.command(context_settings={"ignore_unknown_options": True})
def psql(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[-- ARGUMENT...]")] = None,
    data: Data = None,
    url: Url = None,
    database: Database = "laurels",
    role: Role = "laurels_service",
) -> None:
    """Open psql on the database, as the service's role unless told otherwise."""
    from laurels.cli.database import reached, run_program, settings

    with told(False), reached(settings(data, url), database, role) as (server, place):
        ran = run_program(server, "psql", [place, *(arguments or [])])
    raise typer.Exit(ran)


@db.command()
def grant(data: Data = None, url: Url = None, as_json: AsJson = False) -> None:
    """Make the roles and the database; --url connects as one who may. Safe to run again.

    The service's rights on tables come with the migrations (`laurels serve`).
    """
    from laurels.cli.database import reached, settings
    from laurels.store.embedded.configuration import SUPERUSER
    from laurels.store.roles import OWNER_ROLE, SERVICE_ROLE, make_roles

    with told(as_json):
        found = settings(data, url)
        with reached(found, "postgres", SUPERUSER) as (server, place):
            made = make_roles(place)
            known = "there already" if server is None else "there"
        if as_json:
            print_json({"ok": True, "made": made, "owner": OWNER_ROLE, "service": SERVICE_ROLE})
            return
        for each in made:
            typer.echo(f"made {each}")
        typer.echo(f"roles {OWNER_ROLE} and {SERVICE_ROLE} are {known}")
        if server is None and made:
            typer.echo("give them passwords: psql, then \\password " + OWNER_ROLE)


@db.command()
def dump(file: File, data: Data = None, url: Url = None, database: Database = "laurels") -> None:
    """Save the database into a file (pg_dump, custom format), as it is at this moment."""
    from laurels.cli.database import reached, run_program, settings
    from laurels.store.roles import OWNER_ROLE

    with told(False):
        if file.exists():
            raise RequestError("file-exists", "there is such a file", where=str(file),
                               expected="a new name")  # fmt: skip
        with reached(settings(data, url), database, OWNER_ROLE) as (server, place):
            # Through a pipe: the server's account need not be able to write where the file goes.
            with file.open("xb") as out:
                os.chmod(file, 0o600)
                asked = ["--format=custom", "--dbname", place]
                ran = run_program(server, "pg_dump", asked, out=out.fileno())
            if ran:
                file.unlink()
                raise Unavailable("database-command-failed", "pg_dump failed; nothing was saved")
        stderr().print(f"{file.stat().st_size} bytes in {file}", markup=False)


@db.command()
def restore(file: File, data: Data = None, url: Url = None, database: Database = "laurels") -> None:
    """Load a file of `laurels db dump` into an empty database, whole or not at all."""
    from laurels.cli.database import reached, run_program, settings
    from laurels.store.restore import check_empty, rebase_feed
    from laurels.store.roles import OWNER_ROLE

    with told(False):
        if not file.is_file():
            raise RequestError("file-missing", "there is no such file", where=str(file))
        with reached(settings(data, url), database, OWNER_ROLE) as (server, place):
            check_empty(place)
            with file.open("rb") as saved:
                ran = run_program(
                    server, "pg_restore",
                    ["--exit-on-error", "--single-transaction", "--no-owner", "--dbname", place],
                    given=saved.fileno(),
                )  # fmt: skip
            if ran:
                raise Unavailable("database-command-failed", "pg_restore failed; nothing changed")
            rebase_feed(place)
        stdout().print("restored")
