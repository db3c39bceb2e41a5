"""Problems: every answer that is no success, as RFC 9457 tells it.

One renderer for the five families of `base.errors`. A problem has a code that never changes, which
is also the end of its `type`; the address it leads to is a page of this server. `errors` says what
is wrong where: a JSON pointer into the body, or the name of a parameter. Nothing of ours leaks: a
fault is told as a fault, with the id of the request, which the log has too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from laurels.base.errors import (
    CODES,
    Family,
    Finding,
    LaurelsError,
    ProgramError,
    RequestError,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
TYPES = "/problems/"
"""Where `type` leads: a page for each code. A full path, as RFC 9457 asks of relative ones."""

OF_FAMILY: dict[Family, int] = {
    "refused": 409,
    "program": 422,
    "request": 422,
    "unavailable": 503,
    "fault": 500,
}
# Codes whose status is not that of their family.
STATUS: dict[str, int] = {
    "access-key-missing": 401,
    "access-key-wrong": 401,
    "batch-control": 422,
    "body-content-type": 415,
    "body-encoding": 415,
    "body-too-large": 413,
    "correction-decided": 409,
    "correction-own": 403,
    "correction-unknown": 404,
    "cursor-wrong": 400,
    "event-id-conflict": 409,
    "event-unknown": 404,
    "hold-not-found": 404,
    "json-deep": 400,
    "json-key-twice": 400,
    "json-syntax": 400,
    "key-not-found": 404,
    "media-type-not-offered": 406,
    "member-unknown": 404,
    "merge-in-the-past": 409,
    "merge-same": 409,
    "method-not-allowed": 405,
    "not-permitted": 403,
    "posting-unknown": 404,
    "program-too-large": 413,
    "program-unknown": 404,
    "clock-back": 409,
    "identity-taken": 409,
    "member-closed": 409,
    "not-your-source": 403,
    "position-wrong": 400,
    "program-not-ready": 409,
    "quote-stale": 409,
    "recorded-at-not-yours": 403,
    "route-unknown": 404,
    "sandbox-only": 403,
    "service-overloaded": 429,
    "too-many-requests": 429,
    "unknown-in-history": 404,
    "webhook-unknown": 404,
}
ERRORS_MAX = 100
"""So many details are told of one request; the first, in order."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Detail:
    """What is wrong at one place of a request."""

    code: str
    detail: str
    pointer: str = ""
    parameter: str = ""
    expected: str = ""
    hint: str = ""

    def data(self) -> dict[str, str]:
        """As JSON shows it: without what is empty."""
        names = ("code", "detail", "pointer", "parameter", "expected", "hint")
        return {name: text for name in names if (text := getattr(self, name))}


class Trouble(RequestError):
    """A request that is wrong in ways that the shell knows of: status, headers, several places."""

    def __init__(
        self,
        code: str,
        what: str,
        *,
        details: Iterable[Detail] = (),
        headers: Mapping[str, str] | None = None,
        expected: str = "",
        hint: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, what, expected=expected, hint=hint)
        self.details = tuple(details)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, ready to be told.

    headers  what the answer carries beside the body: Retry-After, WWW-Authenticate, Allow
    extra    members of the document that only this code has
    """

    status: int
    code: str
    detail: str
    errors: tuple[Detail, ...] = ()
    findings: tuple[Finding, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def data(self, request_id: str = "") -> dict[str, Any]:
        """The members of the problem document."""
        said: dict[str, Any] = {
            "type": type_of(self.code),
            "title": title_of(self.code),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if request_id:
            said["instance"] = f"urn:uuid:{request_id}"
        if self.errors:
            said["errors"] = [each.data() for each in self.errors[:ERRORS_MAX]]
        if self.findings:
            said["findings"] = [finding_data(each) for each in self.findings]
        return {**said, **self.extra}


def type_of(code: str) -> str:
    """The identity of a problem: where its page is."""
    return TYPES + code


def title_of(code: str) -> str:
    """One line that is the same for every problem of a code."""
    return CODES[code][1].removesuffix(".")


def status_of(code: str) -> int:
    """The HTTP status that a code is told with."""
    return STATUS.get(code) or OF_FAMILY[CODES[code][0]]


def finding_data(finding: Finding) -> dict[str, object]:
    """A finding about a program, as JSON shows it."""
    return {
        "severity": finding.severity,
        "code": finding.code,
        "message": finding.message,
        "line": finding.line,
        "column": finding.column,
        "expected": finding.expected,
        "hint": finding.hint,
    }


def pointer_of(where: str, prefix: str = "") -> str:
    """A JSON pointer (RFC 6901) to a field: ('lines[2].amount', '/events/5') -> the line's."""
    steps = [name or number for name, number in _STEP.findall(where)]
    return prefix + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def problem_of(error: LaurelsError, prefix: str = "") -> Problem:
    """The problem that an error is told as; `prefix` is where in the body its event stands."""
    if isinstance(error, Trouble):
        return Problem(
            status_of(error.code),
            error.code,
            _sentence(error),
            error.details,
            headers=error.headers,
            extra=error.extra,
        )
    if isinstance(error, RequestError):
        place = pointer_of(error.where, prefix)
        details = (
            (Detail(error.code, error.what, place, "", error.expected, error.hint),)
            if place
            else ()
        )
        return Problem(status_of(error.code), error.code, _sentence(error), details)
    if isinstance(error, ProgramError):
        wrong = sum(each.severity == "error" for each in error.findings)
        detail = f"the program is wrong in {wrong} place{'s' if wrong > 1 else ''}"
        return Problem(status_of(error.code), error.code, detail, findings=error.findings)
    if isinstance(error, Unavailable):
        headers = {"Retry-After": str(RETRY_AFTER)}
        # the message may name hosts and paths: it goes to the log
        return Problem(status_of(error.code), error.code, title_of(error.code), headers=headers)
    return FAULT


RETRY_AFTER = 1
"""Seconds after which a request that found something unavailable may be repeated."""

FAULT = Problem(
    500, "fault", "Laurels did something wrong. Nothing was written that was not answered."
)


def render(problem: Problem, request_id: str = "") -> Response:
    """A problem as an answer."""
    return Response(
        msgspec.json.encode(problem.data(request_id)),
        problem.status,
        headers={"Cache-Control": "no-store", **problem.headers},
        media_type=MEDIA_TYPE,
    )


def _sentence(error: RequestError) -> str:
    """What, what was expected, what to try."""
    tail = f"; expected {error.expected}" if error.expected else ""
    tail += f" ({error.hint})" if error.hint else ""
    place = f"{error.where}: " if error.where else ""
    return place + error.what + tail
