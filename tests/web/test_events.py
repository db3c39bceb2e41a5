"""Events over HTTP: one, many, again, wrong."""

import asyncio
import itertools
import json

import pytest

from web.conftest import LATELY, Server

COUNT = itertools.count(1)


def a_purchase(**fields: object) -> dict:
    """A purchase of a member of its own, unless it is said otherwise."""
    number = next(COUNT)
    return {
        "id": f"r{number}",
        "source": "till-7",
        "type": "purchase",
        "member": f"m{number}",
        "occurred_at": LATELY,
        "amount": "48.00",
        **fields,
    }


def test_a_purchase_is_answered_with_what_it_earned(server: Server) -> None:
    said = server.ask("POST", "events", "till", json=a_purchase())
    assert said.status_code == 200, said.text
    answer = said.json()
    assert answer["status"] == "taken"
    assert [(each["kind"], each["points"]) for each in answer["postings"]] == [("earned", "48")]
    assert answer["balances"]["point"]["active"] == "48"
    assert "repeated" not in answer


def test_the_same_event_again_gets_the_first_answer_again(server: Server) -> None:
    event = a_purchase()
    first = server.ask("POST", "events", "till", json=event).json()
    server.ask("POST", "events", "till", json=a_purchase(member=event["member"]))
    again = server.ask("POST", "events", "till", json=event).json()
    assert again.pop("repeated") is True
    assert again == first


def test_the_same_identity_with_another_body_is_a_conflict(server: Server) -> None:
    event = a_purchase()
    server.ask("POST", "events", "till", json=event)
    said = server.ask("POST", "events", "till", json={**event, "amount": "49.00"})
    assert (said.status_code, said.json()["code"]) == (409, "event-id-conflict")


def test_the_header_serves_as_the_id_where_the_body_has_none(server: Server) -> None:
    event = a_purchase()
    del event["id"]
    answers = [
        server.ask("POST", "events", "till", json=event, headers={"Idempotency-Key": key}).json()
        for key in ('"key-1"', "key-1")
    ]
    assert [each["id"] for each in answers] == ["key-1", "key-1"]
    assert answers[1]["repeated"]


def test_an_event_without_any_id_is_told_so(server: Server) -> None:
    event = a_purchase()
    del event["id"]
    said = server.ask("POST", "events", "till", json=event)
    assert (said.status_code, said.json()["errors"][0]["pointer"]) == (422, "/id")


def test_a_till_writes_for_its_own_source_only(server: Server) -> None:
    said = server.ask("POST", "events", "till", json=a_purchase(source="till-8"))
    assert (said.status_code, said.json()["code"]) == (403, "not-permitted")
    event = a_purchase()
    del event["source"]
    assert server.ask("POST", "events", "till", json=event).json()["source"] == "till-7"


def test_each_event_of_a_batch_is_answered_in_its_place(server: Server) -> None:
    good, wrong, foreign = a_purchase(), a_purchase(amount="-1"), a_purchase(source="till-8")
    said = server.ask("POST", "events", "till", json={"events": [good, wrong, foreign, good]})
    assert said.status_code == 200
    answers = said.json()["answers"]
    assert [each["status"] for each in answers] == ["taken", "rejected", "rejected", "taken"]
    assert answers[1]["problem"]["errors"][0]["pointer"] == "/events/1/amount"
    assert answers[2]["problem"]["code"] == "not-permitted"
    assert answers[3]["repeated"]


@pytest.mark.parametrize("control", [{"count": 3}, {"sum": "95.99"}, {"count": 2, "sum": "96.001"}])
def test_a_batch_that_is_not_what_its_sender_counted_is_refused_whole(
    server: Server, control: dict
) -> None:
    events = [a_purchase(), a_purchase()]
    said = server.ask("POST", "events", "till", json={"events": events, "control": control})
    assert (said.status_code, said.json()["code"]) == (422, "batch-control")
    for each in events:
        assert "repeated" not in server.ask("POST", "events", "till", json=each).json()


def test_a_batch_that_is_what_its_sender_counted_is_taken(server: Server) -> None:
    events = [a_purchase(), a_purchase(amount="2")]
    body = {"events": events, "control": {"count": 2, "sum": "50.0"}}
    said = server.ask("POST", "events", "till", json=body)
    assert [each["status"] for each in said.json()["answers"]] == ["taken", "taken"]


def test_a_batch_has_room_for_ten_thousand(server: Server) -> None:
    for events in ([], [a_purchase()] * 10_001):
        said = server.ask("POST", "events", "till", json={"events": events})
        assert (said.status_code, said.json()["code"]) == (422, "batch-size")


def test_twins_that_come_at_one_time_get_one_answer(server: Server) -> None:
    event = a_purchase()

    async def send() -> dict:
        said = await server.http.post(
            "/v1/programs/shop/events",
            json=event,
            headers={"Authorization": f"Bearer {server.keys['till']}"},
        )
        return dict(said.json())

    async def both() -> list[dict]:
        return await asyncio.gather(*(send() for _ in range(20)))

    answers = server.run(both())
    assert sum("repeated" not in each for each in answers) == 1
    for each in answers:
        each.pop("repeated", None)
    assert all(each == answers[0] for each in answers)


@pytest.mark.parametrize("kind", ["adjustment", "transfer", "withdrawn", "member"])
def test_a_till_does_nothing_by_event_that_it_may_not_do_by_route(
    server: Server, kind: str
) -> None:
    said = server.ask("POST", "events", "till", json=a_purchase(type=kind, points="5"))
    assert said.status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": "1e3"}, "/amount"),
        ({"amount": "1.001"}, "/amount"),
        ({"amount": "9" * 30}, "/amount"),
        ({"amount": None}, "/amount"),
        ({"occurred_at": "yesterday"}, "/occurred_at"),
        ({"type": ""}, "/type"),
        ({"member": None}, "/member"),
        ({"gift": "perhaps"}, "/gift"),
        ({"lines": [{"amount": "47.00"}]}, "/amount"),
        ({"lines": [{"amount": "-48.00"}]}, "/lines/0/amount"),
    ],
)
def test_a_wrong_event_is_a_problem_with_its_place(
    server: Server, change: dict, pointer: str
) -> None:
    event = a_purchase(**change)
    said = server.ask("POST", "events", "till", json=event)
    assert said.status_code == 422, said.text
    assert [each["pointer"] for each in said.json()["errors"]] == [pointer]
    mended = a_purchase(id=event["id"])
    assert server.ask("POST", "events", "till", json=mended).json()["status"] == "taken"


def test_bodies_that_are_no_json_of_ours_are_told_apart(server: Server) -> None:
    def status(content: bytes, **headers: str) -> tuple[int, str]:
        kind = {"Content-Type": "application/json", **headers}
        said = server.ask("POST", "events", "till", content=content, headers=kind)
        return said.status_code, said.json()["code"]

    good = json.dumps(a_purchase()).encode()
    assert status(b"{") == (400, "json-syntax")
    assert status(good, **{"Content-Type": "text/plain"}) == (415, "body-content-type")
    assert status(good, **{"Content-Type": "application/json; charset=koi8-r"}) == (
        415,
        "body-encoding",
    )
    assert status(good, **{"Content-Encoding": "gzip"}) == (415, "body-encoding")
    assert status(b" " * (17 << 20)) == (413, "body-too-large")
    assert status(b"{" + good[1:-1] + b',"id":"x"}') == (400, "json-key-twice")


def test_the_truth_can_be_asked_for_after_an_unknown_outcome(server: Server) -> None:
    event = a_purchase(id="a/b ж", member="m/1")
    taken = server.ask("POST", "events", "till", json=event).json()
    found = server.ask("GET", "events/till-7/a%2Fb%20%D0%B6")
    assert found.json() == taken
    found = server.ask("GET", "events/till-7/a%2Fb%20%D0%B6", "till").json()
    assert "member" not in found
    assert (found["status"], found["balances"]) == ("taken", {})
    assert found["postings"][0]["points"] == "48"
    assert server.ask("GET", "events/till-7/never-came", "till").status_code == 404


def test_to_a_till_what_another_one_sent_is_as_unknown_as_what_nobody_sent(server: Server) -> None:
    event = a_purchase(source="till-8")
    server.ask("POST", "events", json=event)
    foreign = server.ask("GET", f"events/till-8/{event['id']}", "till").json()
    unknown = server.ask("GET", "events/till-8/never-came", "till").json()
    for each in (foreign, unknown):
        each.pop("instance")
    assert foreign == unknown
    assert server.ask("GET", f"events/till-8/{event['id']}").status_code == 200
