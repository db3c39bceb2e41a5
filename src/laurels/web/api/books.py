"""The whole program: totals for the general ledger, and everything that happened, in order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from laurels.web.api.exchange import (
    Exchange,
    answer,
    cursor_to,
    instant_of,
    limit_of,
    page_answer,
    place_of,
)
from laurels.web.api.shapes import dated, instant, number

TOTALS = ("unit", "account", "points", "postings")


async def read_ledger(exchange: Exchange) -> Response:
    """Totals by account and unit, now or at an instant; as CSV where `Accept` asks for it.

    The CSV ends with a line for each unit, `sum`: that of its accounts, which is zero.
    """
    at = await instant_of(exchange, "at")
    totals = await exchange.service.ledger(exchange.actor, exchange.program, at=at)
    if "text/csv" in exchange.request.headers.get("accept", ""):
        lines = [{"unit": unit, "account": "sum", "points": points, "postings": ""}
                 for unit, points in sums_of(totals).items()]  # fmt: skip
        return Response(csv_of(dated([*totals, *lines])), media_type="text/csv")
    return answer(
        {"program": exchange.program, "at": instant(at), "totals": dated(totals),
         "sums": {unit: number(points) for unit, points in sums_of(totals).items()}}
    )  # fmt: skip


async def read_closings(exchange: Exchange) -> Response:
    """Months whose totals were frozen, the newest first; what came late stands in the next one."""
    found = await exchange.service.closings(exchange.actor, exchange.program)
    return answer({"program": exchange.program, "closings": dated(found)})


def sums_of(totals: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """The sum of each unit over all accounts: zero, or the books are wrong."""
    found: dict[str, Decimal] = {}
    for each in totals:
        found[each["unit"]] = found.get(each["unit"], Decimal(0)) + each["points"]
    return found


def csv_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV (RFC 4180), with a heading."""
    out = io.StringIO()
    writer = csv.DictWriter(out, TOTALS, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


async def read_feed(exchange: Exchange) -> Response:
    """Everything that was written, in an order in which a reader misses nothing.

    `next` is there on every page that has rows: ask again with it, at once or an hour later.
    """
    page = await exchange.service.feed(
        exchange.actor,
        exchange.program,
        after=place_of(exchange, {}, "after"),
        limit=limit_of(exchange.request),
    )
    rows = []
    for row in page.rows:
        shown = dated(row)
        if "position" in shown:
            shown["position"] = cursor_to(exchange, str(row["position"]), {})
        rows.append(shown)
    return page_answer(exchange, page, {}, rows, "after")
