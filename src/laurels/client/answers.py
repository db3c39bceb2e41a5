"""Reading what came back, the same for both clients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2

from laurels.base.outside import now, random_bytes
from laurels.client.errors import OutcomeUnknown, Problem
from laurels.client.retry import AGAIN, Retry, chance

NO_ANSWER = (httpx2.TransportError,)
"""What may be raised where no answer came."""


def pause(retry: Retry, attempt: int, response: httpx2.Response | None) -> float | None:
    """Seconds to wait before the next attempt; None: what came is the answer, or it is enough."""
    if attempt >= retry.attempts or response is not None and response.status_code not in AGAIN:
        return None
    headers: Mapping[str, str] = {} if response is None else response.headers
    return retry.wait(attempt, headers, chance(random_bytes), now() / 1e6)


def read(response: httpx2.Response | None, why: Exception | None) -> Any:
    """The document of an answer.

    Raises: Problem where the server said no; OutcomeUnknown where it said nothing.
    """
    if response is None:
        raise OutcomeUnknown(f"no answer came: {why}") from why
    status = response.status_code
    if status >= 400:
        problem = _document(response)
        if status in (502, 504):  # a proxy speaks: what is behind it may have done it
            raise OutcomeUnknown(f"{status}: no answer came from behind a proxy")
        raise Problem(status, problem if isinstance(problem, dict) else {})
    if response.headers.get("content-type", "").startswith("text/"):
        return response.text
    return _document(response)


def _document(response: httpx2.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return {}
