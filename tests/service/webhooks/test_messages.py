"""What a message is: its envelope, its signature, its id."""

import json
from decimal import Decimal
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from laurels.base.outside import now, random_bytes
from laurels.service.webhooks import envelope as E
from laurels.service.webhooks.schedule import SECONDS, wait_before
from laurels.service.webhooks.signing import SECRET_BYTES, Secret, headers, new_secret

ROW: dict[str, Any] = {
    "position": "00ff", "program": "my shop", "kind": "event.taken", "member": "anna",
    "sequence": 12, "at": 1_767_225_600_123_456, "id": "e-1", "points": Decimal("12.50"),
}  # fmt: skip


def test_a_message_is_a_cloud_event_and_a_standard_webhook() -> None:
    body = json.loads(E.envelope(ROW))
    assert body["specversion"] == "1.0"
    assert body["source"] == "/v1/programs/my%20shop"
    assert body["type"] == "io.laurels.event.taken.v1"
    assert body["time"] == body["timestamp"] == "2026-01-01T00:00:00.123456Z"
    assert body["subject"] == body["partitionkey"] == "anna"
    assert body["sequence"] == "0000000012"
    assert body["data"]["sequence"] == 12
    assert body["data"]["points"] == "12.50"
    assert "position" not in body["data"]
    assert all(name.isalnum() and name.islower() for name in body)


def test_a_message_keeps_its_id_and_no_two_share_one() -> None:
    again = ROW | {"position": "0aaa"}
    assert E.message_id(ROW) == E.message_id(again) == json.loads(E.envelope(ROW))["id"]
    assert "." not in E.message_id(ROW)
    others = [ROW | change for change in (
        {"sequence": 13}, {"member": "ann"}, {"program": "shop"}, {"kind": "member.changed"},
        {"member": "", "sequence": 0}, {"member": "", "sequence": 0, "position": "00fe"},
    )]  # fmt: skip
    assert len({E.message_id(each) for each in [ROW, *others]}) == 7


def test_a_message_that_would_be_too_long_leaves_out_its_lists_and_says_so() -> None:
    body = E.envelope(ROW | {"postings": [{"text": "x" * 100}] * 1000})
    assert len(body) < E.BYTES_MAX
    data = json.loads(body)["data"]
    assert data["shortened"] is True
    assert data["id"] == "e-1"
    assert "postings" not in data


def test_the_library_accepts_the_signature_and_no_other_body() -> None:
    secret = new_secret(random_bytes(SECRET_BYTES))
    body = E.envelope(ROW)
    sent = headers(body, E.message_id(ROW), [Secret(secret)], now())
    assert Webhook(secret).verify(body, sent)["subject"] == "anna"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"anna", b"ella"), sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret(random_bytes(SECRET_BYTES))).verify(body, sent)


def test_while_a_secret_is_replaced_both_are_good_and_later_only_the_new_one() -> None:
    old, new = (new_secret(random_bytes(SECRET_BYTES)) for _ in range(2))
    at = now()
    secrets = [Secret(new), Secret(old, ends_at=at + 1)]
    body = E.envelope(ROW)
    both = headers(body, "msg_1", secrets, at)
    for each in (old, new):
        Webhook(each).verify(body, both)
    after = headers(body, "msg_1", secrets, at + 1)
    Webhook(new).verify(body, after)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, after)


def test_the_schedule_is_never_undercut_and_ends() -> None:
    for attempt, seconds in enumerate(SECONDS):
        least, most = wait_before(attempt, 0), wait_before(attempt, 65_535)
        assert least == seconds * 1_000_000
        assert most is not None
        assert least <= most <= seconds * 1_100_000
    assert wait_before(len(SECONDS), 0) is None
