"""What surrounds every route: ids, keys, limits, headers, problems, counts, the log.

A plain ASGI layer, because each event passes it. The path is routed as it was sent, still quoted,
so that an id may hold a slash. What stands under /v1 is answered from the table of routes; the rest
(pages, health) by the application within.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from laurels.base.errors import LaurelsError
from laurels.base.outside import fresh_id, now, ticks
from laurels.service.faults import world
from laurels.web.api.codec import UNSHOWABLE
from laurels.web.api.exchange import Environment
from laurels.web.api.limits import Limiter
from laurels.web.api.logs import Log
from laurels.web.api.metrics import Metrics
from laurels.web.api.problems import FAULT, Detail, Trouble, problem_of, render
from laurels.web.api.routes import PATHS

SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
READ_PATIENCE, WRITE_PATIENCE = 15.0, 120.0
"""Seconds after which a caller is asked to come again; events that wait go on waiting."""
OFFERED = ("application/json", "application/problem+json")


class Shell:
    """The outermost layer.

    environments  by the prefix of their keys; filled when the application starts
    """

    def __init__(
        self,
        app: ASGIApp,
        environments: Mapping[str, Environment],
        limiter: Limiter,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self.app = app
        self.environments = environments
        self.limiter = limiter
        self.metrics = metrics
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; other scopes (lifespan) pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = ticks()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = fresh_id()
        state["limits"] = {}
        seen = {"status": 0}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                _dress(message, scope, request_id, state["limits"])
            await send(message)

        try:
            await self._enter(scope, receive, sending)
        except LaurelsError as error:
            self.log.trouble(state, error)
            await render(problem_of(error), request_id)(scope, receive, sending)
        except Exception as error:
            failed = world(error)
            if failed is not None and not seen["status"]:
                self.log.trouble(state, failed)
                await render(problem_of(failed), request_id)(scope, receive, sending)
                return
            self.log.fault(state, error)
            if not seen["status"]:
                await render(FAULT, request_id)(scope, receive, sending)
        finally:
            seconds = ticks() - started
            self.metrics.count(state.get("command", "none"), seen["status"], seconds)
            self.log.request(scope, state, seen["status"], seconds)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _quoted_path(scope)
        _check_texts(path, scope["query_string"])
        scope["path"] = path
        if path.startswith("/v1/"):
            headers = Headers(scope=scope)
            _check_accept(headers.get("accept", "*/*"), path)
            await self._recognise(scope["state"], headers)
            reads = scope["method"] in ("GET", "HEAD")
            async with asyncio.timeout(READ_PATIENCE if reads else WRITE_PATIENCE):
                response = await _answer(scope, receive)
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _recognise(self, state: dict[str, object], headers: Headers) -> None:
        """Who calls, and whether they have sent too much."""
        scheme, _, text = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise _not_let_in("access-key-missing", "no access key", "Authorization: Bearer <key>")
        text = text.strip()
        environment = self.environments.get(text.partition("_")[0])
        if environment is None:
            raise _not_let_in("access-key-wrong", "the key is none of ours", "a key of this server")
        try:
            caller = await environment.keys.caller(text, ticks(), now())
        except LaurelsError as error:
            if error.code != "access-key-wrong":
                raise
            raise _not_let_in(error.code, "the key is unknown, revoked or ended", "") from None
        state["environment"], state["caller"] = environment, caller
        state["limits"] = self.limiter.take(caller.key, ticks())


async def _answer(scope: Scope, receive: Receive) -> Response:
    """The answer of the route that a path leads to. Raises Trouble where there is none."""
    found = PATHS.find(scope["path"])
    if found is None:
        raise Trouble("route-unknown", "there is nothing here", hint="see /docs")
    method = scope["method"]
    endpoint = found.methods.get("GET" if method == "HEAD" else method)
    if endpoint is None:
        allowed = found.methods.keys() | ({"HEAD"} if "GET" in found.methods else set())
        raise not_allowed(method, allowed)
    scope["path_params"] = found.parts
    response = await endpoint.answer_to(Request(scope, receive))
    if method == "HEAD":
        response.body = b""
    return response


def not_allowed(method: str, allowed: Iterable[str]) -> Trouble:
    """What is told where a path is there and the method is not."""
    listed = ", ".join(sorted(allowed))
    return Trouble(
        "method-not-allowed",
        f"{method} is not answered here",
        headers={"Allow": listed},
        expected=listed,
    )


def _not_let_in(code: str, what: str, expected: str) -> Trouble:
    return Trouble(code, what, expected=expected, headers={"WWW-Authenticate": 'Bearer realm="v1"'})


def _dress(message: Message, scope: Scope, request_id: str, limits: Mapping[str, str]) -> None:
    """Put on the headers that every answer has; a route may have set its own."""
    headers: list[tuple[bytes, bytes]] = message["headers"]
    present = {name for name, _ in headers}
    headers.append((b"x-request-id", request_id.encode()))
    headers += [each for each in SECURITY if each[0] not in present]
    for name, value in limits.items():
        quoted = name.lower().encode()
        if quoted not in present:
            headers.append((quoted, value.encode()))
    if scope.get("scheme") == "https":
        headers.append((b"strict-transport-security", b"max-age=31536000"))


def _quoted_path(scope: Scope) -> str:
    """The path as it was sent."""
    raw = scope.get("raw_path")
    if raw is None:
        return quote(scope["path"])
    return raw.partition(b"?")[0].decode("ascii", "replace")  # type: ignore[no-any-return]


def _check_texts(path: str, query: bytes) -> None:
    """Raise Trouble where path or query, unquoted, is no text that can be shown."""
    for where, quoted in (("path", path), ("query", query.decode("latin-1").replace("+", " "))):
        if "%" not in quoted and quoted.isascii() and quoted.isprintable():
            continue
        try:
            text = unquote(quoted, errors="strict")
        except UnicodeDecodeError:
            text = "\x00"
        if UNSHOWABLE.search(text) or not quoted.isascii():
            what = "it holds what is no text in UTF-8"
            raise Trouble(
                "text-character", f"{where}: {what}",
                details=[Detail("text-character", what, parameter=where)],
            )  # fmt: skip


def _check_accept(accept: str, path: str) -> None:
    """Raise Trouble where nothing of what a route offers is accepted."""
    offered = (*OFFERED, "text/csv") if path.endswith("/ledger") else OFFERED
    for part in accept.split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        if any(each.replace(" ", "").startswith("q=0") and not each.strip("q=0. ")
               for each in parameters):  # fmt: skip
            continue
        if media_range in ("*/*", "*", "application/*") or media_range in offered:
            return
        if media_range == "text/*" and "text/csv" in offered:
            return
    raise Trouble(
        "media-type-not-offered", "Accept names nothing that there is", expected=offered[0]
    )
