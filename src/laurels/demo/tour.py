"""The demo from end to end.

To add a chapter: write it as a function of (Tour, Teller) and call it in `_through` where it
belongs. The server is `running`; what the replay must know goes to `tour.bodies`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from laurels.base.errors import Fault, RequestError
from laurels.base.instants import format_instant
from laurels.bootstrap.databases import SANDBOX_DATABASE
from laurels.cli import history, shipped
from laurels.cli.comparing import ears
from laurels.cli.comparison import show_comparison
from laurels.cli.page import WIDTH_MAX, number, show_page
from laurels.cli.problems import print_json, stdout
from laurels.client import Laurels
from laurels.client.errors import ClientError
from laurels.demo import books, intake, page
from laurels.demo.scenes import SCENES, Stage
from laurels.demo.server import Running, served
from laurels.engine.compiled import Compiled, load
from laurels.lab.compare import compare
from laurels.lab.pair import pair, side
from laurels.replay.options import Options
from laurels.replay.raw import Body, Events, Place
from laurels.service.imports import Imported, in_order
from laurels.service.verify.run import verify
from laurels.store.embedded import EmbeddedServer
from laurels.store.roles import SERVICE_ROLE

MONTHS = 6
"""How far time is moved: to the first of the month after so many."""


@dataclass
class Tour:
    """What the demo has come to so far.

    bodies   every event that the server took, in order; until: where its clock stands, µs UTC
    data     what `--json` prints
    """

    program: Compiled
    events: Events
    running: Running
    bodies: list[Body]
    until: int = 0
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the program."""
        return self.program.program.name

    def client(self) -> Laurels:
        """A new client of the server, with an owner's key of its sandbox."""
        return Laurels(self.running.url, self.running.key, self.name, timeout=intake.PATIENCE)

    @property
    def unit(self) -> str:
        """What members spend."""
        return next(each.name for each in self.program.program.units if each.spendable)


class Teller:
    """Tells what happens on a console; nothing where data is wanted."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._chapters = 0

    def chapter(self, title: str) -> None:
        """A numbered heading."""
        self._chapters += 1
        heading = Text.assemble((f"{self._chapters}  ", "cyan"), (title, "bold"))
        self.console.print()
        self.console.print(Rule(heading, style="dim", align="left"))

    def rows(self, said: Sequence[tuple[str, str]]) -> None:
        """Who, and what."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", justify="right", min_width=9, no_wrap=True)
        grid.add_column(overflow="fold")
        for who, what in said:
            grid.add_row(who, what)
        self.console.print(grid)


def run_demo(as_json: bool, keep: Path | None = None) -> bool:
    """Run, and show what came of it; whether the books agree.

    keep  a folder that does not exist or is empty: the server's data stays there
    Raises the errors of our families.
    """
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise RequestError("folder-not-empty", "there is something already", where=str(keep),
                           expected="a new or an empty folder")  # fmt: skip
    console = stdout()
    console.quiet = as_json
    if console.width > WIDTH_MAX:
        console.width = WIDTH_MAX
    teller = Teller(console)
    path = shipped.folder("programs") / shipped.DEMO_PROGRAM / "program.yaml"
    program = load(path)
    begun = perf_counter()
    teller.chapter("A server of its own")
    with served(keep) as running:
        teller.rows([
            ("database", f"{running.database.split(',')[0]}, in {running.folder}"),
            ("server", f"laurels serve, process {running.process}, answers on {running.url} "
                       f"after {perf_counter() - begun:.0f} s"),
        ])  # fmt: skip
        tour = Tour(program, _history(program), running, [])
        try:
            holds = _through(tour, teller, path)
        except ClientError as error:
            raise Fault(f"the server answered the demo: {error}") from error
    _notes(tour, teller, keep, perf_counter() - begun)
    if as_json:
        print_json({"ok": holds, **tour.data})
    return holds


def _through(tour: Tour, teller: Teller, path: Path) -> bool:
    """All chapters."""
    _history_goes_in(tour, teller, path)
    with tour.client() as client:
        _scenes(tour, teller, client)
        _time_passes(tour, teller, client)
        holds = _both_books(tour, teller, client)
        holds = _verified(tour, teller) and holds
        _explanation(tour, teller, client)
    _what_if(tour, teller, path)
    return holds


def _history(program: Compiled) -> Events:
    """The invoices as events."""
    with history.meter() as bar:
        bar.phase("reading invoices")
        data = shipped.example(shipped.DEMO_DATA)
        return history.files([data], shipped.example(shipped.DEMO_MAPPING)).read(program)


def _history_goes_in(tour: Tour, teller: Teller, path: Path) -> None:
    """A year of invoices: most in batches, the last of them one by one."""
    teller.chapter("A year of invoices goes in through the API")
    ordered = [dict(body) for body, _ in in_order(tour.program, tour.events, Imported())]
    alone = min(intake.ALONE, len(ordered) // 5)
    with tour.client() as client:
        _set_clock(tour, client, _nine(tour.program, ordered[0], -1))
        published = client.publish(path.read_text("utf-8"))
        _set_clock(tour, client, _nine(tour.program, ordered[-1], 1))
    report = tour.events.report
    teller.rows([
        ("program", f"{tour.name}, published {str(published['published_at'])[:10]} on the clock "
                    "of the sandbox"),
        ("history", f"{number(report.rows)} rows of a file: {number(len(ordered))} events with "
                    f"{number(report.lines)} lines, in the order of time"),
    ])  # fmt: skip
    with intake.bar() as shown:
        many = intake.send_batches(tour.running, tour.name, ordered[:-alone], shown)
        single, crash = intake.send_singly(tour.running, tour.name, ordered[-alone:], shown)
    tour.bodies += ordered
    rows = []
    for what, flow in ((f"{number(intake.BATCH)} a request", many),
                       (f"1 a request, {intake.TILLS} tills", single)):  # fmt: skip
        rows.append((f"{number(flow.events)}", f"events, {what:<22} {flow.said()}"))
    statuses = many.statuses + single.statuses
    rows.append(("", "durable when answered; " + ", ".join(
        f"{number(count)} {status}" for status, count in sorted(statuses.items()))))  # fmt: skip
    rows.append(("kill -9", (
        f"the server, {crash.processes} processes, after {number(crash.after)} of these were "
        f"answered and while {crash.under_way} were under way; it answered again after "
        f"{crash.seconds:.1f} s")))  # fmt: skip
    rows.append(("", f"the tills sent again what had no answer: {crash.repeated} of it was in the "
                     "books already, and got its first answer"))  # fmt: skip
    teller.rows(rows)
    tour.data["intake"] = {"batches": many.data(), "single": single.data(), "crash":
                           asdict(crash)}  # fmt: skip


def _verified(tour: Tour, teller: Teller) -> bool:
    """Everybody is folded again from what is stored, and compared with what is stored."""
    teller.chapter("laurels verify: everybody is folded again from the stored events")
    with EmbeddedServer(tour.running.folder / "data") as database:
        found = verify(
            database.url(SERVICE_ROLE, SANDBOX_DATABASE), connections=os.cpu_count() or 1
        )
    counts = found.programs[tour.name]
    said = ", ".join(f"{number(counts[what])} {what}" for what in ("members", "events", "postings"))
    verdict = "the books are what the events say" if found.equal else f"differences: {found.kinds}"
    teller.rows([("compared", said), ("verdict", verdict)])
    tour.data["verified"] = {"equal": found.equal, "kinds": found.kinds, "programs": found.programs}
    return found.equal


def _scenes(tour: Tour, teller: Teller, client: Laurels) -> None:
    stage = Stage(client, list(tour.bodies), tour.until, tour.unit,
                  tour.program.program.currency)  # fmt: skip
    tour.data["scenes"] = []
    for play in SCENES:
        scene = play(stage)
        if scene is not None:
            teller.chapter(scene.title)
            teller.rows(scene.said)
            tour.bodies += scene.sent
            tour.data["scenes"].append({"scene": scene.title, "said": scene.said})


def _time_passes(tour: Tour, teller: Teller, client: Laurels) -> None:
    """The test clock moves from month to month; points lapse, levels fall."""
    teller.chapter("Time passes: the clock of the sandbox moves, what falls due is posted")
    rows, months = [], []
    before = books.accounts_of(client.ledger())
    for first in _firsts(tour.program, tour.until):
        begun = perf_counter()
        _set_clock(tour, client, first)
        seconds = perf_counter() - begun
        now = books.accounts_of(client.ledger())
        lapsed = _account(now, tour.unit, "program:expired")
        gone = lapsed - _account(before, tour.unit, "program:expired")
        left = _account(now, tour.unit, "member:active")
        day = _local(tour.program, first).date().isoformat()
        rows.append((day, f"{number(gone):>12} {tour.unit}s expired, {number(left):>12} still "
                          f"active   {seconds:5.1f} s"))  # fmt: skip
        months.append({"until": format_instant(first), "expired": str(gone), "active": str(left)})
        before = now
    teller.rows(rows)
    tour.data["clock"] = months


def _both_books(tour: Tour, teller: Teller, client: Laurels) -> bool:
    """The server's ledger beside a replay, and the owner's page of that replay."""
    teller.chapter("The same events, replayed from the file: do the books agree?")
    program = tour.program
    scales = {unit.name: unit.scale for unit in program.program.units}
    balances, pick = books.Balances(scales), page.Pick(tour.bodies)
    place = Place("", 0)
    sent = Events(tour.bodies, [place] * len(tour.bodies), tour.events.report)
    options = Options(until=tour.until)
    with history.meter() as bar:
        ran = history.run(program, sent, bar, options=options, books=_Both(balances, pick))
    with intake.bar() as shown:
        every = sorted(balances.found)
        names = every[:: 1 + (len(every) - 1) // intake.READ]
        flow, told = intake.read_members(tour.running, tour.name, names, shown)
    verdict = books.judge(client.ledger(), ran.summary, told, balances.found, scales)
    teller.console.print(books.table_of_books(verdict))
    teller.console.print(books.said(verdict))
    teller.console.print(Text(f"{number(len(names))} members read one by one: "
                              f"{' '.join(flow.said().split())}", "dim"))  # fmt: skip
    show_page(teller.console, ran.summary, page.HEADING)
    tour.data |= {**ran.summary, "verdict": verdict.data(), "reads": flow.data()}
    tour.data["pick"] = (pick.member, pick.posting)
    return verdict.holds


class _Both:
    """Two that hear one replay."""

    def __init__(self, *ears: Any) -> None:
        self._ears = ears

    def add(self, members: Any, postings: Any) -> None:
        for each in self._ears:
            each.add(members, postings)


def _explanation(tour: Tour, teller: Teller, client: Laurels) -> None:
    member, posting = tour.data.pop("pick")
    answer = page.explained(client, member, posting) if posting else None
    if answer is not None:
        page.show_explained(teller.console, answer)
    tour.data["explained"] = answer


def _what_if(tour: Tour, teller: Teller, path: Path) -> None:
    """A changed program over the same history, before anybody is told of it."""
    options = Options(until=tour.until)
    with history.meter() as bar:
        bar.phase("comparing")
        both = pair(side(str(path)), side(str(path), [page.CHANGE]))
        found = compare(both, tour.events, options=options, ears=ears(bar), explained=0).data
    show_comparison(teller.console, found, page.WHAT_IF)
    tour.data["compared"] = found


def _notes(tour: Tour, teller: Teller, keep: Path | None, seconds: float) -> None:
    """What the page does not show, said honestly, and where to go on."""
    console = teller.console
    notes = Text(style="dim")
    notes.append("The file holds purchases and cancellations up to 9 December 2010; what was spent "
                 "and what came late are scenes of the demo. Returns are as if never bought: their "
                 "points were never issued, and what was bought later is decided again without "
                 "them. Server, load and database shared this machine.")  # fmt: skip
    console.print(Padding(notes, (1, 0, 0, 0)))
    data = "Online Retail II, Daqing Chen, UCI Machine Learning Repository, CC BY 4.0"
    program = shipped.folder("programs") / shipped.DEMO_PROGRAM
    console.print(Padding(Text(f"Data: {data}", "dim"), (1, 0, 0, 0)))
    console.print(Text(f"Program: {program}", "dim"), soft_wrap=True)
    console.print(Text(f"{seconds:.0f} seconds in all", "dim"))
    if keep is not None:
        console.print(Text.assemble("The database is kept: ",
                                    (f"laurels serve --data {keep / 'data'}", "bold"),
                                    f"  with the key {tour.running.key}"),
                      soft_wrap=True)  # fmt: skip
    else:
        console.print(Text("The server and its database are gone; laurels demo --keep DIR keeps "
                           "them.", "dim"))  # fmt: skip
    begin = f"laurels init my-program --from {program.name}"
    console.print(Text.assemble("Next: ", (begin, "bold"), ", then ",
                                ("laurels serve --programs my-program", "bold")))  # fmt: skip
    console.print()


# -- time ----------------------------------------------------------------------------------------


def _local(program: Compiled, instant: int) -> datetime:
    zone = ZoneInfo(program.program.zone)
    return datetime.fromtimestamp(instant // 1_000_000, tz=zone)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def _nine(program: Compiled, body: Body, days: int) -> int:
    """Nine o'clock, some days after an event."""
    zone = ZoneInfo(program.program.zone)
    day = datetime.fromisoformat(str(body["occurred_at"])).date() + timedelta(days=days)
    return _micros(datetime(day.year, day.month, day.day, 9, tzinfo=zone))


def _firsts(program: Compiled, instant: int) -> Iterator[int]:
    """The first instants of the next months."""
    begin = _local(program, instant)
    for ahead in range(1, MONTHS + 1):
        years, month = divmod(begin.month - 1 + ahead, 12)
        yield _micros(datetime(begin.year + years, month + 1, 1, tzinfo=begin.tzinfo))


def _set_clock(tour: Tour, client: Laurels, instant: int) -> None:
    """Move the clock of the sandbox."""
    client.move_clock(format_instant(instant))
    tour.until = instant


def _account(accounts: dict[str, Any], unit: str, account: str) -> Decimal:
    return Decimal(accounts.get(unit, {}).get(account, 0))
