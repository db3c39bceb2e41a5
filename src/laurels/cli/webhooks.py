"""`laurels webhooks`: who is told what was written, by HTTP.

An owner's key does the same over HTTP.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from laurels.base.instants import format_instant, parse_instant
from laurels.base.outside import now, random_bytes
from laurels.cli.problems import print_json, stderr, told, usage

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from laurels.service.webhooks.endpoints import Endpoint

webhooks = typer.Typer(
    name="webhooks", no_args_is_help=True, help="Who is told, by HTTP.", rich_markup_mode=None
)

Program = Annotated[str, typer.Argument(metavar="PROGRAM", help="The name of one published.")]
Name = Annotated[str, typer.Argument(metavar="WEBHOOK", help="As `laurels webhooks list` shows.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Of the sandbox.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@webhooks.callback()
def needs() -> None:
    """Who is told, by HTTP."""
    if importlib.util.find_spec("psycopg") is None:
        usage("this needs laurels[service], or laurels[service,embedded] with a server of its own")


@webhooks.command()
def add(
    program: Program,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="An https URL.")],
    label: Annotated[str, typer.Option("--label", help="What it is for, in words.")] = "",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Of this kind only; may be repeated.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--from-the-beginning", help="Not only what comes from now on.")
    ] = False,
    sandbox: Sandbox = False,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Tell an endpoint what is written, and print the secret that signs, this once."""
    from laurels.cli.database import on_database, who
    from laurels.config import read_settings
    from laurels.service.feed import BEGINNING, end_of_feed
    from laurels.service.webhooks import endpoints as E
    from laurels.service.webhooks.addresses import networks
    from laurels.service.webhooks.signing import SECRET_BYTES

    with told(as_json):
        found = read_settings(os.environ)
        allowed = networks(found.webhook_networks)

        async def work(connection: AsyncConnection[Any]) -> tuple[Endpoint, str]:
            await E.program_number(connection, program)
            return await E.add_endpoint(
                connection, program, endpoint, label=label, kinds=tuple(kind or ()),
                cursor=BEGINNING if everything else await end_of_feed(connection), by=who(),
                now=now(), entropy=random_bytes(E.ID_BYTES + SECRET_BYTES), allowed=allowed,
                key=found.webhook_key,
            )  # fmt: skip

        made, secret = on_database(sandbox, data, url, work)
        if as_json:
            print_json({"ok": True, "webhook": made.webhook, "secret": secret})
        else:
            typer.echo(f"{made.webhook} {secret}")
            stderr().print("the secret is shown this once", markup=False)


@webhooks.command(name="list")
def list_webhooks(
    program: Program, sandbox: Sandbox = False, data: Data = None, url: Url = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """The endpoints of a program: where, how they do, why one is not told."""
    from laurels.cli.database import on_database
    from laurels.service.webhooks.endpoints import list_endpoints

    with told(as_json):
        found = on_database(sandbox, data, url, lambda c: list_endpoints(c, program))
        if as_json:
            print_json({"ok": True, "webhooks": [_shown(each) for each in found]})
            return
        for each in found:
            tail = f": {each.reason}" if each.reason else ""
            typer.echo(f"{each.webhook} {each.state:<8} {each.url} {each.label}{tail}")


@webhooks.command()
def change(
    program: Program, webhook: Name,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="A new https URL.")] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Tell it nothing for now.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from where it stopped, at once.")
    ] = False,
    sandbox: Sandbox = False, data: Data = None, url: Url = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pause an endpoint, resume one that was paused or disabled, or move it."""
    from laurels.cli.database import on_database
    from laurels.config import read_settings
    from laurels.service.webhooks.addresses import networks
    from laurels.service.webhooks.endpoints import change_endpoint

    if pause and resume:
        usage("--pause or --resume, not both")
    with told(as_json):
        allowed = networks(read_settings(os.environ).webhook_networks)
        active = True if resume else (False if pause else None)
        found = on_database(
            sandbox, data, url,
            lambda connection: change_endpoint(
                connection, program, webhook, now=now(), url=endpoint, active=active,
                allowed=allowed,
            ),
        )  # fmt: skip
        _say(_shown(found), f"{found.webhook} is {found.state}", as_json)


@webhooks.command()
def rotate(
    program: Program, webhook: Name, sandbox: Sandbox = False, data: Data = None,
    url: Url = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Print a new secret; for a day the old one signs beside it."""
    from laurels.cli.database import on_database
    from laurels.config import read_settings
    from laurels.service.webhooks.endpoints import rotate_secret
    from laurels.service.webhooks.signing import SECRET_BYTES

    with told(as_json):
        secret = on_database(
            sandbox, data, url,
            lambda connection: rotate_secret(
                connection, program, webhook, now=now(), entropy=random_bytes(SECRET_BYTES),
                key=read_settings(os.environ).webhook_key,
            ),
        )  # fmt: skip
        _say({"secret": secret}, secret, as_json)


@webhooks.command()
def replay(
    program: Program, webhook: Name,
    since: Annotated[str, typer.Option("--since", metavar="INSTANT")],
    until: Annotated[str, typer.Option("--until", metavar="INSTANT")],
    sandbox: Sandbox = False, data: Data = None, url: Url = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Send again what was recorded from one instant to just before another. Ids stay."""
    from laurels.cli.database import on_database, who
    from laurels.service.feed import stretch
    from laurels.service.webhooks import endpoints as E

    with told(as_json):
        ends = [parse_instant(each, "UTC", name) for each, name in
                ((since, "--since"), (until, "--until"))]  # fmt: skip

        async def work(connection: AsyncConnection[Any]) -> str:
            number = await E.program_number(connection, program)
            before, after = await stretch(connection, number, *ends)
            return await E.add_replay(
                connection, program, webhook, cursor=before, until=after, by=who(), now=now(),
                entropy=random_bytes(E.ID_BYTES),
            )  # fmt: skip

        name = on_database(sandbox, data, url, work)
        _say({"replay": name}, f"{name} will be sent", as_json)


@webhooks.command()
def remove(
    program: Program, webhook: Name, sandbox: Sandbox = False, data: Data = None,
    url: Url = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Forget an endpoint."""
    from laurels.cli.database import on_database
    from laurels.service.webhooks.endpoints import drop_endpoint

    with told(as_json):
        on_database(sandbox, data, url, lambda c: drop_endpoint(c, program, webhook))
        _say({"removed": webhook}, f"{webhook} is removed", as_json)


def _say(data: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, **data})
    else:
        typer.echo(text)


def _shown(each: Endpoint) -> dict[str, Any]:
    return {
        "webhook": each.webhook, "url": each.url, "label": each.label, "kinds": list(each.kinds),
        "state": each.state, "reason": each.reason, "failed_in_a_row": each.attempts,
        "next_attempt_at": format_instant(each.next_attempt_at),
        "delivered_at": None if each.delivered_at is None else format_instant(each.delivered_at),
        "created_at": format_instant(each.created_at), "created_by": each.created_by,
        "secrets": len(each.secrets),
    }  # fmt: skip
