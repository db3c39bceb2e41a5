"""`laurels import`: a history in files into a database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from laurels.base.errors import RequestError
from laurels.cli.database import chosen, who
from laurels.cli.history import files, meter
from laurels.replay.writers import write_rejected
from laurels.service.exports import Exported
from laurels.service.imports import Imported, import_events
from laurels.service.service import Service
from laurels.service.types import Actor

IMPORTER = Actor("import")


def take_out(
    program: str, out: Path, *, personal: bool, sandbox: bool, data: Path | None, url: str | None
) -> Exported:
    """Export a program of a database into a folder."""

    async def work(place: str) -> Exported:
        async with await Service.open(place) as service:
            with meter() as bar:
                bar.phase("exporting")
                return await service.export(
                    Actor(who()), program, out, personal=personal, progress=bar.tell
                )

    with chosen(sandbox, data, url) as place:
        return asyncio.run(work(place))


def bring_in(
    program: str, paths: Sequence[Path], *, mapping: Path | None, out: Path | None,
    sandbox: bool, data: Path | None, url: str | None,
) -> Imported:  # fmt: skip
    """Import files into a program of a database; what was rejected goes to a folder."""

    async def work(place: str) -> Imported:
        async with await Service.open(place) as service:
            compiled = await service.compiled(program)
            with meter() as bar:
                bar.phase("reading events")
                events = files(paths, mapping).read(compiled)
                bar.phase("importing")
                return await import_events(service, IMPORTER, program, events, bar.tell)

    with chosen(sandbox, data, url) as place:
        done = asyncio.run(work(place))
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(
                "folder-not-writable", f"nothing can be written here: {error}", where=str(out),
                expected="a folder",
            ) from error  # fmt: skip
        write_rejected(out, done.rejected)
    return done
