"""Kill the service and PostgreSQL under load, many times, and write down what came of it.

make torture                     fifty times each, into docs/torture.md
make torture KILLS=10            fewer
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.torture import Load, Server, killing, server

HEAD = """\
# Torture

What `make torture` printed. Clients buy, spend, set points aside, capture and void, give
points to each other, over HTTP; each event is sent until there is an answer. Meanwhile the server's
processes, or all processes of PostgreSQL, are killed (`kill -9`) at random moments. At the end each
answer is held against what the server says of the event, each hold and each balance against plain
arithmetic over the answers, and `laurels verify` folds everybody again. Events that were answered
are sent again on the way: they must get their first answer.

"""


def main() -> None:
    """Run it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("docs/torture.md"))
    asked = parser.parse_args()
    lines = [HEAD.rstrip("\n"), "", f"    {platform.system()} {platform.machine()}, Python "
             f"{platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}", ""]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="laurels-torture-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        with server(Path(folder)) as made:
            for number, what in enumerate(("service", "database")):
                text = tortured(made, what, asked.kills, number)
                print(text, flush=True)
                lines += [text, ""]
    asked.out.write_text("\n".join(lines), "utf-8")


def tortured(made: Server, what: str, kills: int, number: int) -> str:
    """One kind of kill, and what it came to. Raises where anything is not as it was answered."""
    load = Load(made, seed=number, clients=24, members=17, name=what)
    began = time.monotonic()
    asyncio.run(load.run(killing(what, kills, seed=number)))
    seconds = time.monotonic() - began
    found = made.verify()
    if found["exit"] != 0:
        raise AssertionError(found)
    book, seen = load.book, found["programs"]["torture"]
    waited = sorted(book.waits) or [0.0]
    return "\n".join([
        f"    kill -9 of the {what}, {kills} times in {seconds:.0f} s of load by {load.clients}"
        f" clients on {len(load.members)} members",
        f"      events answered            {len(book.answered):>8,}, lost 0, twice 0",
        f"      sendings without answer    {book.unknown:>8,}",
        f"      of those events, sent again: known already {book.repeated:,}, taken then"
        f" {len(book.waits) - book.repeated:,}",
        f"      answered, and sent again   {book.again:>8,}, all with the first answer",
        f"      holds open at the end      {len(book.held()):>8,}, forgotten 0",
        f"      a client in flight waited  {statistics.median(waited):>8.1f} s (median),"
        f" {waited[-1]:.1f} s (longest)",
        f"      laurels verify             {seen['members']} members, {seen['events']:,} events,"
        f" {seen['postings']:,} postings: equal",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
