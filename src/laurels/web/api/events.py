"""Events and quotes: the routes that tills call all day.

Plain endpoints: a fast parser in, a fast writer out, nothing between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.base.money import EXPONENT_MAX, format_decimal, parse_decimal
from laurels.service.permissions import check_event_type, check_member_text, is_guess, source_for
from laurels.service.types import Answer, Control
from laurels.web.api.codec import Batch, Event, Value, kind, read_events
from laurels.web.api.codec import Control as ControlBody
from laurels.web.api.exchange import (
    BATCH_BODY_MAX,
    Exchange,
    answer,
    body_of,
    choice_of,
    idempotency_key,
    limit_of,
    page_answer,
    place_of,
)
from laurels.web.api.problems import Trouble, problem_of, render
from laurels.web.api.shapes import Json, answer_data, dated

EVENTS_MAX = 10_000
TEXTS = ("id", "source", "type", "member", "occurred_at", "amount", "currency")
"""What every event may have; none of it is a flag."""
LANE_MAX = 100
"""A batch above this many events goes through the lane for bulk work."""


async def send_events(exchange: Exchange) -> Response:
    """Take one event, or a batch of which each is answered separately."""
    body = read_events(await body_of(exchange.request, BATCH_BODY_MAX))
    key = idempotency_key(exchange.request)
    if isinstance(body, Batch):
        return answer({"answers": await _take_batch(exchange, body, key)})
    event = prepared(exchange, body, key)
    check_event_type(exchange.caller, event.get("type"))
    (taken,) = await exchange.service.take(exchange.actor, exchange.program, [event])
    return told(exchange, shown(exchange, taken, event.get("member")))


async def _take_batch(exchange: Exchange, batch: Batch, key: str | None) -> list[Json]:
    """Answers in the order of the events, those included that are stopped at the door."""
    count = len(batch.events)
    if not 1 <= count <= EVENTS_MAX:
        raise Trouble("batch-size", f"there are {count} events", expected=f"1 to {EVENTS_MAX:,}")
    if key is not None and count > 1:
        raise Trouble(
            "field-value",
            "Idempotency-Key: a batch holds many events",
            hint="give each event an id, or send one",
        )
    control = control_of(batch.control)
    check_control(batch.events, control)
    good: list[Event] = []
    places: list[int] = []
    answers: list[Json] = [{}] * count
    for at, event in enumerate(batch.events):
        try:
            ready = prepared(exchange, event, key)
            check_event_type(exchange.caller, ready.get("type"))
        except RequestError as error:
            answers[at] = rejected(event, error, f"/events/{at}")
        else:
            good.append(ready)
            places.append(at)
    taken = await exchange.service.take(
        exchange.actor, exchange.program, good, bulk=count > LANE_MAX
    )
    for at, event, each in zip(places, good, taken, strict=True):
        answers[at] = answer_data(shown(exchange, each, event.get("member")), f"/events/{at}")
    return answers


def prepared(exchange: Exchange, event: Event, key: str | None) -> Event:
    """An event with its source, and with its id where the header gives it.

    Raises: RequestError for a source that the key is not bound to, for what is no text, and for
    a hold of a till on a member that it guesses.
    """
    for name in TEXTS:
        value = event.get(name)
        if value.__class__ is not str and value is not None:
            raise RequestError("field-type", f"it is {kind(value)}", where=name, expected="a text")
    lines = event.get("lines")
    if lines is not None:
        _check_lines(lines)
    event["source"] = source_for(exchange.caller, event.get("source"))
    if key is not None and not event.get("id"):
        event["id"] = key
    if event.get("type") == "hold":
        check_member_text(exchange.caller, event.get("member"))
    return event


def shown(exchange: Exchange, taken: Answer, member: object) -> Answer:
    """An answer as its sender may see it: it tells a till that named the member by phone or e-mail
    nothing of that member but what the event itself moved."""
    return hidden(taken, str(member)) if is_guess(exchange.caller, member) else taken


def hidden(taken: Answer, called: str) -> Answer:
    """An answer without balances, in which the member is called as the sender calls it."""
    postings = tuple(
        replace(
            each,
            id=called + each.id.removeprefix(each.member),
            corrects=each.corrects and called + each.corrects.removeprefix(each.member),
        )
        for each in taken.postings
    )
    return replace(taken, member=called, postings=postings, balances={})


def _check_lines(lines: Value) -> None:
    if not isinstance(lines, list):
        raise RequestError("field-type", f"it is {kind(lines)}", where="lines", expected="a list")
    for at, line in enumerate(lines):
        name = line.get("line")
        if name.__class__ is not str and name is not None:
            where = f"lines[{at}].line"
            raise RequestError("field-type", f"it is {kind(name)}", where=where, expected="a text")


def rejected(event: Event, error: RequestError, prefix: str) -> Json:
    """The answer to an event that was stopped before it reached the service."""
    data: Json = {"status": "rejected", "source": event.get("source") or ""}
    return data | {"id": event.get("id") or "", "problem": problem_of(error, prefix).data()}


def control_of(body: ControlBody | None) -> Control | None:
    """The control totals of a batch. Raises RequestError for a sum that is no decimal."""
    if body is None:
        return None
    total = None if body.sum is None else _exact(body.sum, "control.sum")
    return Control(body.count, total)


def check_control(events: Sequence[Event], control: Control | None) -> None:
    """Refuse a whole batch whose events are not what their sender counted.

    The sum is that of the amounts as they were sent, without regard to type or currency; an
    amount that is no number counts as none, and its event is rejected by itself.
    """
    if control is None:
        return
    if control.count is not None and control.count != len(events):
        raise Trouble(
            "batch-control",
            f"control.count is {control.count}, there are {len(events)} events",
            hint="nothing was taken: send the batch again, whole",
        )
    if control.sum is not None:
        total = sum((_amount(each) for each in events), Decimal(0))
        if total != control.sum:
            raise Trouble(
                "batch-control",
                f"control.sum is {control.sum}, the amounts add up to {total}",
                hint="nothing was taken: send the batch again, whole",
            )


def _amount(event: Event) -> Decimal:
    try:
        return _exact(event.get("amount") or "0", "amount")
    except RequestError:
        return Decimal(0)


def _exact(value: object, where: str) -> Decimal:
    return Decimal(format_decimal(parse_decimal(value, EXPONENT_MAX, where), EXPONENT_MAX))


def told(exchange: Exchange, taken: Answer) -> Response:
    """One answer: 200 for whatever the rules said, a problem where there was nothing to decide."""
    if taken.error is None:
        return answer(answer_data(taken))
    return render(problem_of(taken.error), exchange.request.scope["state"]["request_id"])


async def what_became(exchange: Exchange) -> Response:
    """What became of an event: the truth after an unknown outcome.

    How its sender named the member is not kept: a till is told neither its id nor balances.
    """
    source, identity = exchange.request.path_params["source"], exchange.request.path_params["event"]
    caller = exchange.caller
    if caller.role == "till" and caller.sources and source not in caller.sources:
        raise _unknown()
    try:
        found = await exchange.service.event(exchange.actor, exchange.program, source, identity)
    except RequestError as error:
        raise (_unknown() if error.code == "event-unknown" else error) from None
    return answer(answer_data(hidden(found, "") if caller.role == "till" else found))


def _unknown() -> RequestError:
    """To a till, what another one sent is as unknown as what nobody sent."""
    return RequestError("event-unknown", "there is no such event", where="id")


STATES = ("parked", "waiting", "rejected")


async def list_events(exchange: Exchange) -> Response:
    """Events that are parked, that wait for what they name, or that were rejected."""
    state = choice_of(exchange, "state", STATES)
    of = {"state": state}
    page = await exchange.service.events(
        exchange.actor,
        exchange.program,
        state,
        after=place_of(exchange, of),
        limit=limit_of(exchange.request),
    )
    return page_answer(exchange, page, of, [dated(row) for row in page.rows])
