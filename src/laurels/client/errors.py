"""What a call can end with, other than its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """The root of what the client raises."""


class Problem(ClientError):
    """The server said no. What it was asked for did not happen.

    status  the HTTP status; code: stable, see the page of error codes
    errors  what is wrong where: mappings with `code`, `detail`, `pointer` or `parameter`
    data    the whole problem document (RFC 9457)
    """

    def __init__(self, status: int, data: Mapping[str, Any]) -> None:
        self.status = status
        self.data = data
        self.code = str(data.get("code", ""))
        self.errors: list[Mapping[str, Any]] = list(data.get("errors") or ())
        super().__init__(f"{status} {self.code}: {data.get('detail') or data.get('title') or ''}")


class OutcomeUnknown(ClientError):
    """No answer came, after every attempt: it may or may not have happened.

    Repeat the call with the same id, or ask for the event: either gives the first answer.
    """
