"""The client against a server in a process of its own."""

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from laurels.base.outside import random_bytes
from laurels.client import AsyncLaurels, Laurels, OfflineQueue, OutcomeUnknown, Problem, Retry
from laurels.service.keys import ENTROPY, LIVE, add_key
from laurels.store.roles import SERVICE_ROLE
from support.http import Running, free_port, running
from support.postgres import fresh_database
from web.conftest import LATELY, PROGRAM

PURCHASE = {"type": "purchase", "occurred_at": LATELY, "amount": "48.00"}


def a_key(database: str, role: str, *sources: str) -> str:
    async def adding() -> str:
        connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
        async with connection:
            return await add_key(
                connection, LIVE, label="test", role=role, programs=(), sources=sources,
                by="test", now=0, entropy=random_bytes(ENTROPY),
            )  # fmt: skip

    return asyncio.run(adding())


@pytest.fixture(scope="module")
def database() -> str:
    return fresh_database(role=SERVICE_ROLE)


@pytest.fixture(scope="module")
def server(database: str) -> Iterator[Running]:
    with running(database) as found:
        with Laurels(found.url, a_key(database, "owner"), "shop") as owner:
            owner.publish(PROGRAM)
        yield found


@pytest.fixture(scope="module")
def till(database: str) -> str:
    return a_key(database, "till", "till-7")


def test_a_till_sends_and_is_answered(server: Running, till: str) -> None:
    with Laurels(server.url, till, "shop") as laurels:
        answer = laurels.send({**PURCHASE, "id": "c1", "member": "anna"})
        assert answer["status"] == "taken"
        assert answer["balances"]["point"]["active"] == "48"
        again = laurels.send({**PURCHASE, "id": "c1", "member": "anna"})
        assert again["repeated"]
        answers = laurels.send_many(
            [{**PURCHASE, "member": "berta"}, {**PURCHASE, "member": "berta", "amount": "-1"}],
            {"count": 2},
        )
        assert [each["status"] for each in answers] == ["taken", "rejected"]
        with pytest.raises(Problem) as caught:
            laurels.adjust({"member": "anna", "direction": "credit", "points": "5", "reason": "x"})
        assert (caught.value.status, caught.value.code) == (403, "not-permitted")


def test_many_at_a_time_are_answered_each_with_its_own(server: Running, till: str) -> None:
    async def sending() -> list[str]:
        async with AsyncLaurels(server.url, till, "shop") as laurels:
            sent = [{**PURCHASE, "id": f"m{n}", "member": f"many{n}"} for n in range(200)]
            answers = await asyncio.gather(*(laurels.send(each) for each in sent))
            return [each["id"] for each in answers]

    assert asyncio.run(sending()) == [f"m{n}" for n in range(200)]


def test_a_queue_is_drained_once_there_is_a_line(
    server: Running, till: str, tmp_path: Path
) -> None:
    with OfflineQueue(tmp_path / "queue") as queue:
        for n in range(30):
            queue.add({**PURCHASE, "id": f"q{n}", "member": "carl"})
        queue.add({**PURCHASE, "id": "q-wrong", "member": "carl", "amount": "much"})
        nowhere = f"http://127.0.0.1:{free_port()}"
        with (
            Laurels(nowhere, till, "shop", retry=Retry(attempts=2, first=0.01)) as laurels,
            pytest.raises(OutcomeUnknown),
        ):
            queue.drain(laurels.send_many)
        assert len(queue) == 31
        with Laurels(server.url, till, "shop") as laurels:
            drained = queue.drain(laurels.send_many)
        assert (len(drained.answers), drained.aside, len(queue)) == (31, 1, 0)
        # of one instant, they stand in the order of their ids
        balances = [int(each["balances"]["point"]["active"]) for each in drained.answers[:30]]
        assert sorted(balances) == [48 * (n + 1) for n in range(30)]


def test_a_server_that_is_killed_in_the_middle_counts_nothing_twice(
    database: str, till: str
) -> None:
    """Each event is sent until it is answered, while the server is killed and started again."""
    port = free_port()
    retry = Retry(attempts=200, first=0.05, longest=0.3)
    events = [{**PURCHASE, "id": f"k{n}", "member": "kim"} for n in range(120)]
    answers: list[str] = []

    def send() -> None:
        with Laurels(f"http://127.0.0.1:{port}", till, "shop", retry=retry) as laurels:
            answers.extend(laurels.send(each)["status"] for each in events)

    sender = threading.Thread(target=send)
    with running(database, port=port) as first:
        with Laurels(first.url, a_key(database, "owner"), "shop") as owner:
            owner.publish(PROGRAM)
        sender.start()
        while len(answers) == 0 and sender.is_alive():
            time.sleep(0.01)
        kill(first.process)
    with running(database, port=port) as second:
        sender.join()
        with Laurels(second.url, till, "shop") as laurels:
            last = laurels.send({**PURCHASE, "id": "z-last", "member": "kim"})
    assert answers == ["taken"] * 120
    assert last["balances"]["point"]["active"] == str(48 * 121)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a server with its workers, as a power cut would."""
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()
