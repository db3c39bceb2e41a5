"""From the posting's transaction to a receiver that checks signatures. Everything is real."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from standardwebhooks import Webhook

from laurels.base.errors import RequestError
from laurels.base.outside import now, random_bytes, ticks
from laurels.service.feed import end_of_feed, stretch
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.service.webhooks import endpoints as W
from laurels.service.webhooks.addresses import networks
from laurels.service.webhooks.relay import LEASE_SECONDS, Relay, ServiceFeed, Turn
from laurels.service.webhooks.schedule import SECONDS
from laurels.service.webhooks.sender import Sender
from laurels.store.roles import SERVICE_ROLE
from support.postgres import fresh_database
from support.receiver import Delivery, Receiver, receiving

OWNER = Actor("owner")
LOOPBACK = networks("127.0.0.0/8")
SECOND = 1_000_000
ENTROPY = W.ID_BYTES + W.SECRET_BYTES
PROGRAM = """\
program: shop
zone: Europe/Riga
currency: EUR
units:
  point: {worth: 0.01}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {title: A point for each euro, on: purchase, give: {points: 1, per: 1}}
    expires: 12 months
    returns: proportional
"""


@dataclass
class World:
    """A service, a relay with a clock of its own, and a receiver."""

    service: Service
    relay: Relay
    receiver: Receiver
    told: list[tuple[str, int, str]]
    ahead: list[int] = field(default_factory=lambda: [0])
    count: int = 0

    async def buys(self, *members: str) -> None:
        events = []
        for member in members:
            self.count += 1
            events.append({
                "id": f"e{self.count}", "member": member, "type": "purchase",
                "occurred_at": "2026-01-05T10:00:00Z", "amount": "10.00",
            })  # fmt: skip
        answers = await self.service.take(OWNER, "shop", events)
        assert {each.status for each in answers} == {"taken"}

    async def endpoint(self, **more: Any) -> tuple[W.Endpoint, str]:
        async with self.service.pool.connection() as connection:
            values = {"label": "", "kinds": (), "cursor": "", "by": "owner",
                      "now": self.relay.clock(),
                      "entropy": random_bytes(ENTROPY), "allowed": LOOPBACK} | more  # fmt: skip
            return await W.add_endpoint(connection, "shop", self.receiver.url(), **values)

    async def seen(self, webhook: str) -> W.Endpoint:
        async with self.service.pool.connection() as connection:
            return await W.find_endpoint(connection, "shop", webhook)

    async def until_idle(self) -> None:
        while await self.relay.turn():
            pass

    def later(self, seconds: float) -> None:
        self.ahead[0] += int(seconds * SECOND)

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.receiver.deliveries]


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with await Service.open(fresh_database(role=SERVICE_ROLE)) as service:
        await service.publish(OWNER, "shop", PROGRAM)
        # The relay's time stands still unless a test lets it pass: slow machines change nothing.
        start, ahead, told = now(), [0], []
        sender = Sender(LOOPBACK, seconds=5)
        relay = Relay(
            service.pool, ServiceFeed(service), sender, lambda: start + ahead[0], ticks,
            random_bytes, lambda *each: told.append(each),
        )  # fmt: skip
        try:
            with receiving() as receiver:
                yield World(service, relay, receiver, told, ahead)
        finally:
            await sender.close()


def answers(status: int, **headers: str) -> Any:
    def answer(_: Delivery) -> tuple[int, Mapping[str, str]]:
        return status, {name.replace("_", "-"): value for name, value in headers.items()}

    return answer


def test_what_was_posted_arrives_signed_with_the_members_sequence() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, secret = await w.endpoint()
            await w.buys("anna", "bob", "anna")
            await w.until_idle()
            messages = w.messages()
            assert len(messages) == 3
            for delivery in w.receiver.deliveries:
                Webhook(secret).verify(delivery.body, dict(delivery.headers))
                assert delivery.headers["webhook-id"] == json.loads(delivery.body)["id"]
            own = [each["data"]["sequence"] for each in messages if each["subject"] == "anna"]
            assert own == sorted(own)
            assert len(set(own)) == 2
            first = messages[0]["data"]
            assert first["event"]["type"] == "purchase"
            assert first["postings"][0]["points"] == "10"
            assert first["balances"]["point"]["active"] == "10"
            seen = await w.seen(endpoint.webhook)
            assert (seen.state, seen.attempts) == ("active", 0)
            await w.until_idle()
            assert len(w.receiver.deliveries) == 3

    asyncio.run(go())


def test_an_endpoint_made_at_the_end_hears_only_of_what_comes() -> None:
    async def go() -> None:
        async with world() as w:
            await w.buys("anna")
            async with w.service.pool.connection() as connection:
                cursor = await end_of_feed(connection)
            await w.endpoint(cursor=cursor)
            await w.until_idle()
            assert w.messages() == []
            await w.buys("anna")
            w.later(2)
            await w.until_idle()
            assert [each["data"]["event"]["id"] for each in w.messages()] == ["e2"]

    asyncio.run(go())


def test_a_failing_endpoint_pauses_whole_and_goes_on_from_its_cursor() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, _ = await w.endpoint()
            await w.buys("anna", "anna")
            w.receiver.answer = answers(500)
            await w.until_idle()
            assert len(w.receiver.deliveries) == 1
            seen = await w.seen(endpoint.webhook)
            assert (seen.attempts, seen.reason) == (1, "the receiver answered 500")
            await w.buys("bob")
            w.later(4.9)
            await w.until_idle()
            assert len(w.receiver.deliveries) == 1, "before the schedule lets it"
            w.receiver.answer = answers(200)
            w.later(1)
            await w.until_idle()
            messages = w.messages()
            own = [each for each in messages if each["subject"] == "anna"]
            assert own[0] == own[1], "the same message, with its id, again"
            assert [each["data"]["event"]["id"] for each in own[1:]] == ["e1", "e2"]
            assert len(messages) == 4, "and bob's"
            assert (await w.seen(endpoint.webhook)).attempts == 0

    asyncio.run(go())


def test_nothing_is_lost_when_the_receiver_fails_at_random_and_no_order_is_broken() -> None:
    async def go() -> None:
        async with world() as w:
            await w.endpoint()
            await w.buys(*"abcabcabcddd" * 5)
            w.receiver.answer = lambda delivery: (503 if random_bytes(1)[0] < 60 else 200, {})
            for _ in range(100):
                await w.until_idle()
                w.later(3600)
            taken = {}
            for delivery in w.receiver.deliveries:
                taken.setdefault(delivery.headers["webhook-id"], json.loads(delivery.body))
            assert len(taken) == 60
            for member in "abcd":
                first_seen = [each["data"]["sequence"] for each in taken.values()
                              if each["subject"] == member]  # fmt: skip
                assert first_seen == sorted(first_seen)

    asyncio.run(go())


def test_after_the_whole_schedule_an_endpoint_is_disabled_and_its_owner_may_resume_it() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, _ = await w.endpoint()
            await w.buys("anna")
            w.receiver.answer = answers(502)
            for seconds in SECONDS:
                w.later(seconds * 1.11 + 1)
                await w.until_idle()
            assert len(w.receiver.deliveries) == len(SECONDS)
            seen = await w.seen(endpoint.webhook)
            assert (seen.state, seen.reason) == ("disabled", "the receiver answered 502")
            w.later(30 * 86400)
            await w.until_idle()
            assert len(w.receiver.deliveries) == len(SECONDS)
            w.receiver.answer = answers(204)
            async with w.service.pool.connection() as connection:
                await W.change_endpoint(
                    connection, "shop", endpoint.webhook, now=w.relay.clock(), active=True
                )
            await w.until_idle()
            assert len(w.receiver.deliveries) == len(SECONDS) + 1
            assert (await w.seen(endpoint.webhook)).state == "active"

    asyncio.run(go())


def test_gone_disables_at_once_and_retry_after_is_heard() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, _ = await w.endpoint()
            await w.buys("anna")
            w.receiver.answer = answers(429, retry_after="7200")
            await w.until_idle()
            w.later(7100)
            await w.until_idle()
            assert len(w.receiver.deliveries) == 1
            w.receiver.answer = answers(410)
            w.later(200)
            await w.until_idle()
            assert (await w.seen(endpoint.webhook)).state == "disabled"
            assert len(w.receiver.deliveries) == 2

    asyncio.run(go())


def test_a_stretch_of_time_is_sent_again_beside_what_is_new() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, _ = await w.endpoint()
            await w.buys("anna")
            since = now()
            await w.buys("bob", "carl")
            until = now()
            await w.buys("dora")
            await w.until_idle()
            before = len(w.receiver.deliveries)
            async with w.service.pool.connection() as connection:
                number = await w.service.programs.number(connection, "shop")
                cursor, end = await stretch(connection, number, since, until)
                await W.add_replay(
                    connection, "shop", endpoint.webhook, cursor=cursor, until=end, by="owner",
                    now=w.relay.clock(), entropy=random_bytes(W.ID_BYTES),
                )  # fmt: skip
            await w.buys("emil")
            await w.until_idle()
            again = w.messages()[before:]
            assert sorted(each["subject"] for each in again) == ["bob", "carl", "emil"]
            ids = [each["id"] for each in w.messages()[:before]]
            assert {each["id"] for each in again if each["subject"] != "emil"} <= set(ids)
            w.later(5)
            await w.until_idle()
            assert len(w.receiver.deliveries) == before + 3

    asyncio.run(go())


def test_while_a_secret_is_replaced_receivers_with_either_accept() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, old = await w.endpoint()
            async with w.service.pool.connection() as connection:
                new = await W.rotate_secret(
                    connection, "shop", endpoint.webhook, now=w.relay.clock(),
                    entropy=random_bytes(W.SECRET_BYTES), overlap_seconds=60,
                )  # fmt: skip
            await w.buys("anna")
            await w.until_idle()
            (delivery,) = w.receiver.deliveries
            for secret in (old, new):
                Webhook(secret).verify(delivery.body, dict(delivery.headers))
            assert len(delivery.headers["webhook-signature"].split()) == 2
            w.later(61)
            await w.buys("bob")
            await w.until_idle()
            assert len(w.receiver.deliveries[-1].headers["webhook-signature"].split()) == 1

    asyncio.run(go())


def test_an_endpoint_hears_only_of_the_kinds_that_it_asked_for() -> None:
    async def go() -> None:
        async with world() as w:
            await w.endpoint(kinds=("points.due",))
            await w.buys("anna")
            await w.until_idle()
            assert w.receiver.deliveries == []
            with pytest.raises(RequestError, match="nothing is told of"):
                await w.endpoint(kinds=("event.taken", "weather"))

    asyncio.run(go())


def test_two_relays_share_the_endpoints_and_a_lost_lease_moves_nothing() -> None:
    async def go() -> None:
        async with world() as w:
            endpoint, _ = await w.endpoint()
            await w.buys("anna")
            claim = await w.relay._claim()
            assert claim is not None
            assert not await w.relay.turn(), "the other one has it"
            w.later(LEASE_SECONDS + 1)
            await w.until_idle()
            assert len(w.receiver.deliveries) == 1
            cursor = (await w.seen(endpoint.webhook)).cursor
            await w.relay._release(claim, Turn(claim.cursor))
            assert (await w.seen(endpoint.webhook)).cursor == cursor

    asyncio.run(go())


def test_an_open_transaction_is_not_overtaken() -> None:
    async def go() -> None:
        async with world() as w:
            await w.endpoint()
            async with w.service.pool.connection() as connection, connection.transaction():
                await connection.execute("INSERT INTO settings VALUES ('slow', '1')")
                await w.buys("anna")
                await w.until_idle()
                assert w.receiver.deliveries == []
            w.later(2)
            await w.until_idle()
            assert len(w.receiver.deliveries) == 1

    asyncio.run(go())
