"""The queue of a till that has no line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from laurels.client import OfflineQueue

EVENT = {"type": "purchase", "member": "anna", "occurred_at": "2025-03-01T12:00:00Z"}


def taken(events: Sequence[dict]) -> list[dict]:
    return [{"status": "taken", "id": each["id"]} for each in events]


def test_what_was_kept_goes_out_in_its_order(tmp_path: Path) -> None:
    with OfflineQueue(tmp_path / "queue") as queue:
        ids = [queue.add({**EVENT, "amount": str(n)}) for n in range(1200)]
        sent: list[str] = []

        def send(events: Sequence[dict]) -> list[dict]:
            sent.extend(each["id"] for each in events)
            return taken(events)

        drained = queue.drain(send)
        assert sent == ids
        assert [each["id"] for each in drained.answers] == ids
        assert len(queue) == 0


def test_when_the_line_goes_what_was_not_answered_stays_with_its_ids(tmp_path: Path) -> None:
    with OfflineQueue(tmp_path / "queue") as queue:
        ids = [queue.add(EVENT) for _ in range(700)]
        rounds = 0

        def send(events: Sequence[dict]) -> list[dict]:
            nonlocal rounds
            rounds += 1
            if rounds == 2:
                raise ConnectionError
            return taken(events)

        with pytest.raises(ConnectionError):
            queue.drain(send)
    with OfflineQueue(tmp_path / "queue") as queue:
        assert [event["id"] for _, event in queue.waiting()] == ids[500:]


def test_what_cannot_be_read_is_set_aside_and_holds_up_nothing(tmp_path: Path) -> None:
    def send(events: Sequence[dict]) -> list[dict]:
        wrong = {"status": "rejected", "problem": {"code": "event-unit"}}
        return [wrong if each["id"] == "b" else taken([each])[0] for each in events]

    with OfflineQueue(tmp_path / "queue") as queue:
        for identity in "abc":
            queue.add({**EVENT, "id": identity})
        drained = queue.drain(send)
        assert (drained.aside, len(queue)) == (1, 0)
        assert list(queue.aside()) == [({**EVENT, "id": "b"}, {"code": "event-unit"})]


def test_what_could_not_be_taken_now_stays_and_ends_the_round(tmp_path: Path) -> None:
    with OfflineQueue(tmp_path / "queue") as queue:
        ids = [queue.add(EVENT) for _ in range(700)]
        rounds = 0

        def send(events: Sequence[dict]) -> list[dict]:
            nonlocal rounds
            rounds += 1
            later = {"status": "retry-later"} if rounds == 1 else {}
            return [each | later if each["id"] in ids[3:5] else each for each in taken(events)]

        drained = queue.drain(send)
        assert (rounds, drained.later, drained.aside) == (1, 2, 0)
        assert [each["id"] for each in drained.answers] == ids[:3] + ids[5:500]
        assert [event["id"] for _, event in queue.waiting()] == ids[3:5] + ids[500:]
        drained = queue.drain(send)
        assert [each["id"] for each in drained.answers] == ids[3:5] + ids[500:]
        assert (drained.later, len(queue)) == (0, 0)


def test_what_is_known_with_another_body_is_set_aside(tmp_path: Path) -> None:
    problem = {"code": "event-id-conflict"}
    with OfflineQueue(tmp_path / "queue") as queue:
        queue.add({**EVENT, "id": "a"})
        drained = queue.drain(lambda _: [{"status": "conflict", "id": "a", "problem": problem}])
        assert (drained.aside, len(queue)) == (1, 0)
        assert list(queue.aside()) == [({**EVENT, "id": "a"}, problem)]


def test_an_event_that_waits_must_say_when_it_happened(tmp_path: Path) -> None:
    with OfflineQueue(tmp_path / "queue") as queue, pytest.raises(ValueError):
        queue.add({"type": "purchase", "member": "anna"})


KEEPS = """
import sys
from laurels.client import OfflineQueue
queue = OfflineQueue(sys.argv[1])
while True:
    print(queue.add({"occurred_at": "2025-03-01T12:00:00Z"}), flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KEEPS, str(tmp_path / "queue")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    ids = [child.stdout.readline().strip() for _ in range(50)]
    os.kill(child.pid, signal.SIGKILL)
    ids += child.stdout.read().split()  # what it printed, it had kept
    child.stdout.close()
    child.wait()
    with OfflineQueue(tmp_path / "queue") as queue:
        kept = [event["id"] for _, event in queue.waiting(10**6)]
    assert kept[: len(ids)] == ids
    assert len(kept) <= len(ids) + 1  # one may have been kept and not yet printed


def test_events_keep_every_character(tmp_path: Path) -> None:
    event = {**EVENT, "id": "ж/\"'\n", "note": json.dumps({"a": "Ω"})}
    with OfflineQueue(tmp_path / "queue") as queue:
        queue.add(event)
        assert queue.waiting() == [(1, event)]
