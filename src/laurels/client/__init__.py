"""The client: what a till, an app or a back office written in Python talks to a server with.

    from laurels.client import Laurels

    with Laurels("https://points.example", key, "my-shop") as laurels:
        answer = laurels.send({"type": "purchase", "id": "r-1", "member": "anna",
                               "occurred_at": "2025-03-01T12:00:00Z", "amount": "480.00"})

It needs `httpx2` (`pip install laurels[client]`) and nothing else of what the server needs.
"""

from laurels.client.aio import AsyncLaurels
from laurels.client.errors import ClientError, OutcomeUnknown, Problem
from laurels.client.queue import Drained, OfflineQueue
from laurels.client.retry import Retry
from laurels.client.shapes import Answer, Balance, Member, Posting, Refusal
from laurels.client.sync import Laurels

__all__ = [
    "Answer",
    "AsyncLaurels",
    "Balance",
    "ClientError",
    "Drained",
    "Laurels",
    "Member",
    "OfflineQueue",
    "OutcomeUnknown",
    "Posting",
    "Problem",
    "Refusal",
    "Retry",
]
