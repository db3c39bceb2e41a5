"""From the bytes of a body to plain values, and back: the one place that reads and writes JSON.

What a reader may forgive and a ledger may not is refused with its place: a key that stands twice,
NaN, a number where the exact text is asked for, half a character, text that no database stores.

The common case costs one pass of a fast parser and three searches. It cannot say where it stumbled,
so a body that it does not like is read again, slowly, for the sake of the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from laurels.web.api.problems import Detail, Trouble

DEPTH_MAX = 32
NUMBERS = 'numbers are decimal text, so that no reader rounds them: "12.50", not 12.50'

Value = str | bool | list[dict[str, str | bool | None]] | None
Event = dict[str, Value]
"""An event as it comes in: texts, flags, and lines of texts and flags."""

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class Control(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the events of a batch should add up to: how many, and the sum of their amounts."""

    count: int | None = None
    sum: str | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Many events in one request, and what they should add up to."""

    events: list[Event]
    control: Control | None = None


_event = msgspec.json.Decoder(Event)
_batch = msgspec.json.Decoder(Batch)

# A key whose colon does not follow at once; a control character, escaped or not; half a pair.
_SPACED = re.compile(rb'"[ \t\r\n]+:')
_CONTROL = re.compile(rb"\\u00[0189][0-9a-fA-F]|\\u007[fF]|\\[bf]|\x7f|\xc2[\x80-\x9f]")
UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Controls other than tab and line ends, and halves of characters."""


def read_event(body: bytes) -> Event:
    """One event. Raises Trouble: no JSON, no object, or a value that no event has."""
    try:
        event = _event.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise_event_trouble(read_json(body))
    if _suspect(body, _keys(event)):
        read_json(body)
    return event


def read_events(body: bytes) -> Event | Batch:
    """One event, or a batch: an object with `events`, which no single event has."""
    try:
        batch = _batch.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        if body.find(b'"events"') < 0:
            return read_event(body)
        return _batch_slowly(body)
    # of `control` and what is in it, null or left out look alike: a body with a null is suspect
    known = 1
    if batch.control is not None:
        known += 1 + (batch.control.count is not None) + (batch.control.sum is not None)
    if _suspect(body, known + sum(map(_keys, batch.events))):
        return _batch_slowly(body)
    return batch


def _batch_slowly(body: bytes) -> Event | Batch:
    whole = read_json(body)
    if not isinstance(whole, dict) or "events" not in whole:
        return read_event(body)
    try:
        return msgspec.convert(whole, Batch)
    except msgspec.ValidationError:
        raise_batch_trouble(whole)


def _keys(event: Event) -> int:
    """How many keys an event has, those of its lines included."""
    count = len(event)
    lines = event.get("lines")
    if lines.__class__ is list:
        count += sum(map(len, lines))
    return count


def _suspect(body: bytes, keys: int) -> bool:
    """Whether a body may hold a key twice, or a control character.

    Where each key is followed by its colon at once, `":` stands at least once for each key that was
    written; if it stands as often as there are keys, none was written twice.
    """
    return (
        body.count(b'":') != keys
        or _SPACED.search(body) is not None
        or _CONTROL.search(body) is not None
    )


# -- slowly, with places ---------------------------------------------------------------------------


class _Pairs:
    """An object as it was written: its pairs in order, twice where they stand twice."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def read_json(body: bytes) -> Any:
    """Any JSON (RFC 8259), strictly. Numbers come as int and float.

    Raises: Trouble for what is no UTF-8 or no JSON, NaN and infinities, keys that stand twice,
    control characters in a text, more than DEPTH_MAX levels, integers beyond 64 bits.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Trouble(
            "json-syntax", f"byte {error.start} is no UTF-8", expected="JSON in UTF-8"
        ) from None
    try:
        tree = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_fraction,
        )
    except json.JSONDecodeError as error:
        what = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise Trouble("json-syntax", what, expected="JSON") from None
    except RecursionError:
        raise _deep() from None
    return _plain(tree, "", 0)


def _plain(tree: Any, pointer: str, depth: int) -> Any:
    """The tree with plain objects, after a look at each key and text."""
    if depth > DEPTH_MAX:
        raise _deep()
    if isinstance(tree, _Pairs):
        found: dict[str, Any] = {}
        for key, value in tree.pairs:
            place = f"{pointer}/{_step(key)}"
            if key in found:
                raise _at("json-key-twice", "the key stands twice", place)
            if UNSHOWABLE.search(key):
                raise _at("text-character", "a key holds a control character", pointer)
            found[key] = _plain(value, place, depth + 1)
        return found
    if isinstance(tree, list):
        return [_plain(each, f"{pointer}/{at}", depth + 1) for at, each in enumerate(tree)]
    if isinstance(tree, str):
        bad = UNSHOWABLE.search(tree)
        if bad:
            what = f"character {bad.start() + 1} is U+{ord(bad[0]):04X}"
            raise _at("text-character", what, pointer, expected="text that can be shown")
    return tree


def _step(key: str) -> str:
    """A key as a step of a JSON pointer; long ones cut, what cannot be shown replaced."""
    shown = UNSHOWABLE.sub("�", key[:80])
    return shown.replace("~", "~0").replace("/", "~1")


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise Trouble("field-value", f"{text[:20]}… is beyond 64 bits", hint=NUMBERS)
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Trouble("field-value", f"{text[:20]} is too large a number", hint=NUMBERS)
    return number


def _no_constant(name: str) -> NoReturn:
    raise Trouble("json-syntax", f"{name} is no JSON", expected="JSON", hint=NUMBERS)


def _deep() -> Trouble:
    return Trouble("json-deep", "the body is nested too deeply", expected=f"{DEPTH_MAX} levels")


def _at(code: str, what: str, pointer: str, expected: str = "", hint: str = "") -> Trouble:
    detail = Detail(code, what, pointer, "", expected, hint)
    return Trouble(code, f"{pointer}: {what}" if pointer else what, details=[detail])


# -- what is wrong with an event, a batch ----------------------------------------------------------


def raise_event_trouble(tree: Any) -> NoReturn:
    """Say what makes a tree no event."""
    _raise(list(event_details(tree, "")), "the event")


def raise_batch_trouble(tree: Mapping[str, Any]) -> NoReturn:
    """Say what makes a tree no batch of events."""
    _raise(list(_batch_details(tree)), "the batch")


def _raise(details: list[Detail], what: str) -> NoReturn:
    count = len(details)
    first = details[0] if details else Detail("field-type", "it has no form that is read here")
    place = f"{first.pointer}: " if first.pointer else ""
    more = f", and {count - 1} more" if count > 1 else ""
    raise Trouble(
        first.code,
        f"{place}{first.detail}{more}" if first.pointer else f"{what}: {first.detail}",
        details=details,
        expected=first.expected,
        hint=first.hint,
    )


def _batch_details(tree: Mapping[str, Any]) -> Iterator[Detail]:
    for key in tree:
        if key not in ("events", "control"):
            place = f"/{_step(key)}"
            yield Detail("field-unknown", "there is no such field", place, "", "events, control")
    events, control = tree["events"], tree.get("control")
    if not isinstance(events, list):
        yield Detail("field-type", f"it is {kind(events)}", "/events", "", "a list of events")
    else:
        for at, each in enumerate(events):
            yield from event_details(each, f"/events/{at}")
    if control is None:
        return
    if not isinstance(control, dict):
        yield Detail("field-type", f"it is {kind(control)}", "/control", "", "an object")
        return
    wanted = {"count": (int, "a whole number"), "sum": (str, "decimal text")}
    for key, value in control.items():
        place = f"/control/{_step(key)}"
        if key not in wanted:
            yield Detail("field-unknown", "there is no such field", place, "", "count, sum")
        elif value is not None and (not isinstance(value, wanted[key][0]) or value is True):
            what = f"it is {kind(value)}"
            yield Detail("field-type", what, place, "", wanted[key][1])


def event_details(tree: Any, pointer: str) -> Iterator[Detail]:
    """Everything that keeps a tree from being an event."""
    if not isinstance(tree, dict):
        yield Detail("field-type", f"it is {kind(tree)}", pointer, "", "an event: an object")
        return
    for key, value in tree.items():
        place = f"{pointer}/{_step(key)}"
        if key == "lines" and isinstance(value, list):
            for at, line in enumerate(value):
                if isinstance(line, dict):
                    yield from _value_details(line, f"{place}/{at}")
                else:
                    what = f"it is {kind(line)}"
                    yield Detail("field-type", what, f"{place}/{at}", "", "a line: an object")
        else:
            yield from _value_details({key: value}, pointer)


def _value_details(values: Mapping[str, Any], pointer: str) -> Iterator[Detail]:
    for key, value in values.items():
        place = f"{pointer}/{_step(key)}"
        if isinstance(value, bool | str) or value is None:
            continue
        if isinstance(value, int | float):
            yield Detail("number-not-text", "it is a number", place, "", "text", NUMBERS)
        else:
            yield Detail("field-type", f"it is {kind(value)}", place, "", "a text or a flag")


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return (
        "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
    )
