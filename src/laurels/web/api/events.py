"""Events and quotes: the routes that tills call all day.

Plain endpoints: a fast parser in, a fast writer out, nothing between.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.base.money import EXPONENT_MAX, format_decimal, parse_decimal
from laurels.service.permissions import check_event_type, source_for
from laurels.service.types import Answer, Control
from laurels.web.api.codec import Batch, Event, read_events
from laurels.web.api.codec import Control as ControlBody
from laurels.web.api.exchange import (
    BATCH_BODY_MAX,
    Exchange,
    answer,
    body_of,
    idempotency_key,
)
from laurels.web.api.problems import Trouble, problem_of, render
from laurels.web.api.shapes import Json, answer_data

EVENTS_MAX = 10_000
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
    return told(exchange, taken)


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
    for at, each in zip(places, taken, strict=True):
        answers[at] = answer_data(each, f"/events/{at}")
    return answers


def prepared(exchange: Exchange, event: Event, key: str | None) -> Event:
    """An event with its source, and with its id where the header gives it.

    Raises: RequestError for a source that the key is not bound to.
    """
    event["source"] = source_for(exchange.caller, event.get("source"))
    if key is not None and not event.get("id"):
        event["id"] = key
    return event


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
