"""The log: one JSON object a line, about requests, never about people.

Only the fields of KEPT are ever written: paths, queries and bodies name members, so the command and
the key stand for them. Plain successes of what tills send by the thousand are left to the metrics.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from starlette.types import Scope
from structlog.typing import EventDict

from laurels.base.errors import LaurelsError

KEPT = frozenset(
    {"event", "level", "timestamp", "request_id", "method", "command", "key", "environment"}
    | {"status", "seconds", "code", "error", "trace"}
)
QUIET = frozenset({"send_events", "quote", "place_hold", "capture_hold", "none", "read_key"})


def only_kept(_: Any, __: str, entry: EventDict) -> EventDict:
    """Drop every field that is not known to be free of personal data."""
    return {name: value for name, value in entry.items() if name in KEPT}


class Log:
    """Writes what happened to requests."""

    def __init__(self, stream: TextIO) -> None:
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                only_kept,
                structlog.processors.JSONRenderer(),
            ],
        )

    def request(self, scope: Scope, state: Mapping[str, Any], status: int, seconds: float) -> None:
        """A request was answered."""
        command = state.get("command", "none")
        if status < 400 and command in QUIET:
            return
        self._log.info(
            "request", method=scope["method"], status=status, seconds=round(seconds, 6), **of(state)
        )

    def trouble(self, state: Mapping[str, Any], error: LaurelsError) -> None:
        """An error of our families; what it says may name a member, so only its code is told."""
        if error.code == "fault":
            self.fault(state, error)

    def fault(self, state: Mapping[str, Any], error: BaseException) -> None:
        """A mistake of ours: where it happened, without the values that were there."""
        frames = traceback.extract_tb(error.__traceback__)[-12:]
        trace = [f"{_short(each.filename)}:{each.lineno} {each.name}" for each in frames]
        self._log.error("fault", error=type(error).__name__, trace=trace, **of(state))


def _short(file: str) -> str:
    """A file without the folders that a package was installed in."""
    for folder in ("site-packages/", "src/"):
        file = file.rpartition(folder)[2]
    return file


def of(state: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a request, without persons."""
    caller, environment = state.get("caller"), state.get("environment")
    return {
        "request_id": state.get("request_id", ""),
        "command": state.get("command", "none"),
        "key": caller.key if caller else "",
        "environment": environment.name if environment else "",
    }
