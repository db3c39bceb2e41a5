"""What a route has at hand: the environment that the key belongs to, who calls, the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.base.instants import parse_instant
from laurels.service.keys import KeyRing
from laurels.service.permissions import Caller, check_may, source_for
from laurels.service.service import Service
from laurels.service.types import Actor, Page
from laurels.service.webhooks.commands import Hooks
from laurels.web.api.codec import encode
from laurels.web.api.cursors import LIMIT_DEFAULT, LIMIT_MAX, Cursors, link_header
from laurels.web.api.problems import Detail, Trouble

BODY_MAX = 1 << 20
"""Bytes of a body, unless a route says otherwise."""
BATCH_BODY_MAX = 16 << 20
"""Bytes of a batch of events."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A database behind keys of one prefix: the live one, or a sandbox."""

    name: str
    service: Service
    keys: KeyRing
    cursors: Cursors
    hooks: Hooks


class Exchange:
    """One request that was let in."""

    __slots__ = ("actor", "caller", "environment", "program", "request")

    def __init__(self, request: Request, program: str) -> None:
        state = request.scope["state"]
        self.request = request
        self.environment: Environment = state["environment"]
        self.caller: Caller = state["caller"]
        self.actor: Actor = self.caller.actor
        self.program = program

    @property
    def service(self) -> Service:
        """The service that answers."""
        return self.environment.service


def enter(request: Request, command: str) -> Exchange:
    """Let a request in to a command. Raises RequestError `not-permitted`."""
    state = request.scope["state"]
    state["command"] = command
    program = request.path_params.get("program")
    check_may(state["caller"], command, program)
    return Exchange(request, program or "")


async def body_of(request: Request, most: int = BODY_MAX) -> bytes:
    """The whole body. Raises Trouble: too large, compressed, or no JSON by its own word."""
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise Trouble("body-encoding", "the body is compressed", expected="a plain body")
    check_media_type(headers.get("content-type", ""), ("application/json",))
    return await limited_body(request, most)


async def limited_body(request: Request, most: int) -> bytes:
    """The whole body, as long as it is not too large."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
        raise _too_large(most)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def check_media_type(given: str, known: Iterable[str]) -> None:
    """Raise Trouble unless a content type is a known one, in UTF-8."""
    media_type, _, rest = given.partition(";")
    if media_type.strip().lower() not in known:
        shown = f"it is {given[:60]!r}" if given else "it is not named"
        raise Trouble("body-content-type", f"content type: {shown}", expected=" or ".join(known))
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
            if charset not in ("utf-8", "utf8", "us-ascii"):
                raise Trouble("body-encoding", f"charset: it is {charset[:20]!r}", expected="utf-8")


def _too_large(most: int) -> Trouble:
    return Trouble("body-too-large", "the body is too large", expected=f"at most {most:,} bytes")


def idempotency_key(request: Request) -> str | None:
    """The header `Idempotency-Key`: a quoted string (RFC 8941), or bare.

    Raises: Trouble for one that could not be an id.
    """
    text = request.headers.get("idempotency-key")
    if text is None:
        return None
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not 1 <= len(text) <= 200 or not text.isprintable() or not text.isascii():
        detail = Detail("field-value", "it is no id", parameter="Idempotency-Key")
        raise Trouble(
            "field-value",
            "Idempotency-Key: it is no id",
            details=[detail],
            expected="1 to 200 printable ASCII characters",
        )
    return text


def identified(exchange: Exchange, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a write with their source and, from the header, their id. Raises RequestError."""
    fields["source"] = source_for(exchange.caller, fields.get("source"))
    key = idempotency_key(exchange.request)
    if not fields.get("id"):
        if key is None:
            raise RequestError(
                "field-missing",
                "it is missing",
                where="id",
                expected="an id, here or in the header Idempotency-Key",
            )
        fields["id"] = key
    return fields


async def instant_of(exchange: Exchange, name: str) -> int | None:
    """A parameter that is an instant; a local time is of the program's zone. Raises Trouble."""
    text = exchange.request.query_params.get(name)
    if text is None:
        return None
    compiled = await exchange.service.compiled(exchange.program)
    try:
        return parse_instant(text, compiled.calendar, name)
    except RequestError as error:
        detail = Detail(error.code, error.what, "", name, error.expected, error.hint)
        raise Trouble(error.code, f"{name}: {error.what}", details=[detail]) from None


def choice_of(exchange: Exchange, name: str, known: Sequence[str], default: str = "") -> str:
    """A parameter that is one of a few texts; it must be there unless it has a default.

    Raises: Trouble.
    """
    text = exchange.request.query_params.get(name, default)
    if text not in known:
        code = "field-value" if text else "field-missing"
        expected = "one of " + ", ".join(known)
        detail = Detail(code, "it is none of them", "", name, expected)
        raise Trouble(code, f"{name}: it is none of them", details=[detail], expected=expected)
    return text


def limit_of(request: Request) -> int:
    """The `limit` of a page. Raises Trouble."""
    text = request.query_params.get("limit")
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= LIMIT_MAX):
        expected = f"a whole number from 1 to {LIMIT_MAX}"
        detail = Detail("field-value", "it is no such number", "", "limit", expected)
        raise Trouble(
            "field-value", "limit: it is no such number", details=[detail], expected=expected
        )
    return int(text)


def known_parameters(request: Request, *known: str) -> None:
    """Raise Trouble for query parameters that a route does not read, or that stand twice.

    A misspelt `known_at` that is silently left out would answer another question.
    """
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known or name in seen:
            code = "field-value" if name in known else "field-unknown"
            what = "it stands twice" if name in known else "there is no such parameter"
            expected = "" if name in known else "one of " + ", ".join(known) if known else "none"
            detail = Detail(code, what, "", name[:80], expected)
            raise Trouble(code, f"{name[:80]}: {what}", details=[detail], expected=expected)
        seen.add(name)


def page_answer(
    exchange: Exchange, page: Page, of: Mapping[str, str], rows: list[Any], name: str = "cursor"
) -> Response:
    """A page of a list, with the cursor and the link to the next one.

    of    what the list is: its filters, as they were asked for
    name  of the parameter that takes the cursor
    """
    following = None if page.next is None else cursor_to(exchange, page.next, of)
    query = {**of, "limit": str(limit_of(exchange.request))}
    link = link_header(exchange.request.scope["path"], query, following, name)
    return answer({"rows": rows, "next": following}, headers={"Link": link})


def cursor_to(exchange: Exchange, place: str, of: Mapping[str, str]) -> str:
    """A cursor to what follows a place of the list that the route shows."""
    return exchange.environment.cursors.write([place], _list_of(exchange, of))


def place_of(exchange: Exchange, of: Mapping[str, str], name: str = "cursor") -> str | None:
    """Where the page before ended, as the service knows it. Raises Trouble `cursor-wrong`."""
    cursor = exchange.request.query_params.get(name)
    place = exchange.environment.cursors.read(cursor, _list_of(exchange, of))
    return None if place is None else str(place[0])


def _list_of(exchange: Exchange, of: Mapping[str, str]) -> dict[str, str]:
    return {**of, "path": exchange.request.scope["path"]}


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(encode(data), status, headers=headers, media_type="application/json")
