"""The bodies of the routes for webhooks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laurels.web.api.documents import Body, Instant, Shown


class WebhookBody(Body):
    """Who is to be told."""

    url: str = Field(max_length=2000, examples=["https://example.com/laurels"])
    label: str = Field("", max_length=200, description="What it is for, in words.")
    kinds: list[str] = Field([], description="What it wants to hear of; empty: everything.")
    from_the_beginning: bool = Field(False, description="Also of what was written before.")


class WebhookChange(Body):
    """What is to change of an endpoint."""

    url: str | None = Field(None, max_length=2000)
    label: str | None = Field(None, max_length=200)
    kinds: list[str] | None = None


class ReplayBody(Body):
    """What is to be sent again: recorded from `since` to just before `until`."""

    since: Instant
    until: Instant


class Webhook(Shown):
    """An endpoint and how it does."""

    webhook: str
    url: str
    label: str
    kinds: list[str]
    state: Literal["active", "paused", "disabled"]
    reason: str = Field(description="Why it is not told, or what failed last.")
    failed_in_a_row: int
    next_attempt_at: Instant | None
    delivered_at: Instant | None
    created_at: Instant
    created_by: str
    secrets: int = Field(description="How many sign.")


class WebhookMade(Webhook):
    """A new endpoint."""

    secret: str = Field(description="It signs what is sent, and is shown this once.")


class Webhooks(Shown):
    """The endpoints of a program."""

    rows: list[Webhook]
    next: str | None


class WebhookSecret(Shown):
    """A new secret of an endpoint."""

    webhook: str
    secret: str = Field(description="Shown this once.")


class WebhookReplay(Shown):
    """What will be sent again."""

    webhook: str
    replay: str


class WebhookGone(Shown):
    """An endpoint that is forgotten."""

    webhook: str
