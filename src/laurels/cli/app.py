"""The verbs and their options."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from laurels import __version__
from laurels.base.errors import Finding, ProgramError, RequestError
from laurels.cli import problems
from laurels.cli.db import db
from laurels.cli.jobs import jobs
from laurels.cli.keys import keys
from laurels.cli.options import (
    NAMED,
    NAMED_NEW,
    AsJson,
    Engine,
    EngineName,
    Files,
    FromStates,
    MapFile,
    Memory,
    Program,
    ReportFile,
    SaveStates,
    Settings,
    Until,
    instant_of,
)
from laurels.cli.problems import WRONG_INPUT, print_json, stderr, stdout, told, usage
from laurels.cli.shadow import shadow
from laurels.cli.verify import chain, verify
from laurels.cli.webhooks import webhooks

app = typer.Typer(
    name="laurels", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


app.add_typer(db)
app.add_typer(keys)
app.add_typer(jobs)
app.add_typer(webhooks)
app.command()(shadow)
app.add_typer(chain)
app.command()(verify)


@app.callback()
def laurels(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run loyalty programs from the terminal."""
    del version


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def check(
    program: Program,
    show: Annotated[bool, typer.Option("--show", help="Print the generated source.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a program, with line and column; or what it is, when all is right."""
    from laurels.cli.programs import show_program, summary_of
    from laurels.engine.compiled import compile_program
    from laurels.program.check import check as find
    from laurels.program.check import findings as find_all
    from laurels.program.loader import load_document

    with told(as_json):
        try:
            document = load_document(program)
            linked = find(document)
        except ProgramError as error:
            problems.show_findings(error.findings, stderr())
            if as_json:
                print_json(_checked(program, error.findings))
            raise typer.Exit(WRONG_INPUT) from None
        compiled = compile_program(linked)
        findings = find_all(document)
        problems.show_findings(findings, stderr())
        if as_json:
            data = _checked(program, findings) | {"summary": summary_of(compiled)}
            print_json(data | ({"source": compiled.source} if show else {}))
        elif show:
            typer.echo(compiled.source, nl=False)
        else:
            show_program(stdout(), compiled)


def _checked(program: Path, findings: tuple[Finding, ...]) -> dict[str, object]:
    errors = sum(each.severity == "error" for each in findings)
    return {
        "ok": errors == 0,
        "file": str(program),
        "errors": errors,
        "warnings": len(findings) - errors,
        "findings": [problems.finding_data(each) for each in findings],
    }


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=NAMED)],
    new: Annotated[str | None, typer.Argument(metavar="[NEW]", help=NAMED_NEW)] = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two programs: in meaning, not in text."""
    from laurels.cli.differences import show_changes
    from laurels.program.check import check as find
    from laurels.program.diff import diff as find_changes
    from laurels.program.setting import change, open_program

    if new in (None, "-") and not settings:
        usage("name a second program, or what changes with --set", "NEW")
    with told(as_json):
        before = find(open_program(old))
        named = old if new in (None, "-") else str(new)
        after = find(change(open_program(named), settings or []))
        changes = find_changes(before, after)
        if as_json:
            print_json({"ok": True, "old": old, "new": named, "settings": settings or [],
                        "changes": [each.as_data() for each in changes]})  # fmt: skip
        else:
            show_changes(stdout(), changes)


class Redeemed(StrEnum):
    """What a comparison does about redemptions."""

    facts = "facts"
    requests = "requests"


@app.command()
def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help=NAMED)],
    rest: Annotated[
        list[str],
        typer.Argument(metavar="[NEW] EVENTS...", help="NEW as in diff; then files or folders."),
    ],
    settings: Settings = None,
    grids: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="PATH=VALUE,VALUE", help="Try each value; may be repeated."),
    ] = None,
    until: Until = None,
    engine: EngineName = Engine.numba,
    redemptions: Annotated[
        Redeemed, typer.Option("--redemptions", help="Facts, or requests decided again.")
    ] = Redeemed.facts,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The comparison and its members go there."),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Of the tables in DIR: parquet, csv, or both.")
    ] = "parquet",
    report: ReportFile = None,
    as_json: AsJson = False,
    mapping: MapFile = None,
) -> None:
    """Run a history through two programs: what a change costs, who gains, who loses."""
    from laurels.cli import history

    history.need_engine(Engine.numba)
    from laurels.cli import comparing
    from laurels.cli.comparison import show_comparison, show_grid
    from laurels.replay.options import Options

    wanted = _formats(formats)
    new, events = comparing.split(rest, bool(settings or grids))
    if grids and (report or out):
        usage("--report and --out are about one comparison: leave out --grid", "--grid")
    with told(as_json), history.meter() as bar:
        files = history.files(events, mapping)
        if grids:
            tried = comparing.tried(old, new, settings or [], grids)
            options = Options(
                engine, instant_of(until, tried[0].program), threads=os.cpu_count() or 1
            )
            rows = comparing.run_grid(tried, files, bar, redemptions.value, options)
            if as_json:
                print_json({"ok": True, "old": old, "grid": rows})
            else:
                show_grid(stdout(), rows)
            return
        sides = comparing.opened(old, new, settings or [])
        options = Options(engine, instant_of(until, sides[0].program), threads=os.cpu_count() or 1)
        found = comparing.run(sides, files, bar, redemptions.value, options)
        if out is not None:
            comparing.write(out, found, wanted)
            stderr().print(f"written to {out}", style="dim")
        if report is not None:
            from laurels.lab.report import report as page
            from laurels.replay.pages import write_page

            write_page(report, page(found.data))
        if as_json:
            print_json({"ok": True, **found.data})
        else:
            show_comparison(stdout(), found.data)


@app.command()
def replay(
    program: Program,
    events: Files,
    until: Until = None,
    engine: EngineName = Engine.numba,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Postings, members and a summary go there."),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Of the tables in DIR: parquet, csv, or both.")
    ] = "parquet",
    report: ReportFile = None,
    as_json: AsJson = False,
    mapping: MapFile = None,
    as_recorded: Annotated[
        bool,
        typer.Option("--as-recorded", help="In the order of recording, corrections shown."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 when a row was rejected.")
    ] = False,
    memory: Memory = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Processes that run parts of it.")
    ] = 1,
    save_states: SaveStates = None,
    from_states: FromStates = None,
) -> None:
    """Run a history through a program."""
    from laurels.cli import history
    from laurels.cli.page import show_page
    from laurels.engine.compiled import load
    from laurels.replay.options import Options

    wanted = _formats(formats)
    with told(as_json):
        history.need_engine(engine)
        with_states = save_states is not None or from_states is not None
        if memory is not None or workers > 1:
            _can_divide(engine == "numba" and not as_recorded, with_states)
        if with_states:
            history.need_engine(Engine.numba)
        compiled = load(program)
        options = Options(
            engine, instant_of(until, compiled), as_recorded, out is not None,
            threads=os.cpu_count() or 1, workers=workers, folder=out,
            memory=None if memory is None else history.size(memory), save=save_states,
            states=None if from_states is None else history.states(from_states, compiled),
        )  # fmt: skip
        with history.meter() as bar:
            found = history.files(events, mapping)
            ran = history.run(compiled, found, bar, options=options, out=out, formats=wanted)
        if report is not None:
            history.write_report(report, ran)
        rejected = len(ran.result.rejected)
        failed = strict and rejected > 0
        if as_json:
            print_json({"ok": not failed, **ran.summary})
        else:
            show_page(stdout(), ran.summary)
        _tell_rejected(ran, as_json and out is None)
        for each in (out, save_states):
            if each is not None:
                stderr().print(f"written to {each}", style="dim")
        if failed:
            stderr().print(f"{rejected} rows were rejected, and --strict was asked for")
            raise typer.Exit(WRONG_INPUT)


def _can_divide(engine: bool, states: bool) -> None:
    """Refuse what cannot be run in parts."""
    if not engine:
        usage("only the engine numba runs in parts, and only net", "--memory, --workers")
    if states:
        usage("a run in parts saves no states and uses none", "--memory, --workers")


REJECTED_SHOWN = 5


def _tell_rejected(ran: object, quiet: bool) -> None:
    """The first rejected rows, on stderr."""
    from laurels.cli.history import Ran

    assert isinstance(ran, Ran)
    rejected = ran.result.rejected
    if not rejected or quiet:
        return
    console = stderr()
    for each in rejected[:REJECTED_SHOWN]:
        place = f"{Path(each.file).name} row {each.row}" if each.file else f"event {each.row}"
        tail = f", expected {each.expected}" if each.expected else ""
        text = f"rejected: {place}: {each.column or 'row'}: {each.reason}{tail}"
        console.print(text, style="yellow", markup=False)
    if len(rejected) > REJECTED_SHOWN:
        console.print(f"and {len(rejected) - REJECTED_SHOWN} more", style="yellow")


def _formats(text: str) -> list[str]:
    from laurels.replay.writers import formats_of

    try:
        return formats_of(each.strip() for each in text.split(","))
    except RequestError as error:
        usage(error.message, "--format")


@app.command()
def explain(
    program: Program,
    events: Files,
    event: Annotated[str | None, typer.Option("--event", metavar="ID")] = None,
    posting: Annotated[str | None, typer.Option("--posting", metavar="ID")] = None,
    member: Annotated[str | None, typer.Option("--member", metavar="ID")] = None,
    lang: Annotated[str, typer.Option("--lang", help="en or ru.")] = "en",
    until: Until = None,
    as_json: AsJson = False,
    mapping: MapFile = None,
) -> None:
    """Say why: what an event gave or did not, what a posting is made of, how a member stands."""
    from laurels.cli import history, why
    from laurels.engine.compiled import load

    asked = [(kind, each) for kind, each in
             (("event", event), ("posting", posting), ("member", member))
             if each is not None]  # fmt: skip
    if len(asked) != 1:
        usage("name one of --event, --posting and --member")
    if lang not in why.LANGUAGES:
        usage(f"there are no sentences in `{lang}`: en or ru", "--lang")
    with told(as_json):
        compiled = load(program)
        end = instant_of(until, compiled)
        with history.meter() as bar:
            bar.phase("reading events")
            found = history.files(events, mapping).read(compiled)
            bar.phase("looking")
            answer = why.explain(compiled, found, *asked[0], lang, end)
        if as_json:
            print_json({"ok": True, **answer.data})
        else:
            why.show(stdout(), answer)


@app.command()
def story(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Stories, or folders.")],
    engine: EngineName = Engine.python,
    as_json: AsJson = False,
) -> None:
    """Tell stories, and say where a member would see something else."""
    from laurels.cli import history
    from laurels.cli.tell import tell_all

    with told(as_json):
        history.need_engine(engine)
        if not tell_all(paths, engine, as_json):
            raise typer.Exit(WRONG_INPUT)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder to make.")],
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="A shipped program.")],
    as_json: AsJson = False,
) -> None:
    """Start a program: copy one of those that come with Laurels."""
    from laurels.cli import shipped

    known = shipped.programs()
    if source not in known:
        usage(f"`{source}` is no shipped program: {', '.join(known)}", "--from")
    with told(as_json):
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise RequestError(
                    "folder-not-empty",
                    "there is something already",
                    where=str(folder),
                    expected="a new or an empty folder",
                )
            shutil.copytree(known[source], folder, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        except OSError as error:
            raise RequestError(
                "folder-not-writable",
                f"nothing can be written here: {error}",
                where=str(folder),
                expected="a folder",
            ) from error
        files = sorted(str(each.relative_to(folder)) for each in folder.rglob("*")
                       if each.is_file())  # fmt: skip
        if as_json:
            print_json({"ok": True, "folder": str(folder), "from": source, "files": files})
            return
        console = stdout()
        console.print(f"{len(files)} files of {source} in {folder}", markup=False)
        console.print(f"next: laurels check {folder}/program.yaml", markup=False)
        console.print(f"      laurels story {folder}", markup=False)


@app.command()
def serve(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
    ] = None,
    programs: Annotated[
        Path | None, typer.Option("--programs", metavar="DIR", help="Program files to publish.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="0: any that is free.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve HTTP: start the database, migrate it, publish programs, answer.

    LAURELS_DATABASE_URL names a PostgreSQL of your own; docs/settings.md has the other settings.
    """
    if importlib.util.find_spec("granian") is None:
        usage("this needs laurels[service,embedded], or laurels[service] and a database of yours")
    from laurels.bootstrap.serving import serve as run
    from laurels.cli.database import settings

    with told(as_json):
        run(settings(data).changed(programs=programs, host=host, port=port))


@app.command(name="import")
def import_(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="The name of one published.")],
    events: Files,
    mapping: MapFile = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="rejected.csv goes there.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Into the sandbox.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a history from files, as it was recorded. Begun again, it goes on where it stopped."""
    if importlib.util.find_spec("psycopg") is None:
        usage("this needs laurels[service], or laurels[service,embedded] with a server of its own")
    with told(as_json):
        from laurels.cli.transport import bring_in

        done = bring_in(
            program, events, mapping=mapping, out=out, sandbox=sandbox, data=data, url=url
        )
        counts = dict(sorted(done.counts.items()))
        if as_json:
            print_json({"ok": True, "events": counts, "rejected": len(done.rejected)})
        else:
            for status, number in counts.items():
                typer.echo(f"{number:>12,} {status}")
            if done.rejected:
                place = f", listed in {out}" if out else " (--out lists them)"
                stderr().print(f"{len(done.rejected)} rows were rejected{place}", markup=False)


@app.command(name="export")
def export_(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="The name of one published.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")],
    personal: Annotated[
        bool, typer.Option("--personal", help="With ids and attributes of members.")
    ] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Of the sandbox.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write events, postings and members of one instant as Parquet; members go by numbers."""
    if any(importlib.util.find_spec(each) is None for each in ("psycopg", "pyarrow")):
        usage("this needs laurels[service,replay]")
    with told(as_json):
        from laurels.cli.transport import take_out

        done = take_out(program, out, personal=personal, sandbox=sandbox, data=data, url=url)
        if as_json:
            print_json({"ok": True, **asdict(done)})
        else:
            for name, number in asdict(done).items():
                typer.echo(f"{number:>12,} {name}")


@app.command()
def demo(
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep the server's data there, to look at."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a real history through a real server, and show what an owner asks for."""
    needed = ("granian", "httpx2", "llvmlite", "pyarrow")
    if any(importlib.util.find_spec(each) is None for each in needed):
        usage("this needs laurels[replay,service,embedded,client]")
    with told(as_json):
        from laurels.demo import run_demo

        if not run_demo(as_json, keep):
            raise typer.Exit(WRONG_INPUT)


@app.command()
def bench(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="step, correct, replay, verify, ingest")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure, beside what it is measured against."""
    from laurels.bench import BENCHES, run_bench, show_bench

    if name is not None and name not in BENCHES:
        usage(f"there is no bench `{name}`: {', '.join(BENCHES)}", "NAME")
    with told(as_json):
        found = [run_bench(each) for each in ([name] if name else BENCHES)]
        if as_json:
            print_json(found[0] if name else {"bench": "all", "results": [
                {"bench": each["bench"], **result} for each in found for result in each["results"]
            ]})  # fmt: skip
        else:
            for each in found:
                show_bench(stdout(), each)
