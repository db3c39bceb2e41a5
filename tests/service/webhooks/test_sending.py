"""One attempt: which addresses may be called, what an answer means. Against a real receiver."""

import asyncio
import ipaddress
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from laurels.base.errors import RequestError
from laurels.service.webhooks.addresses import check_url, is_public, networks, resolve
from laurels.service.webhooks.relay import send_in_order
from laurels.service.webhooks.sender import Outcome, Sender, outcome_of, wait_seconds
from support.receiver import Receiver, receiving

LOOPBACK = networks("127.0.0.0/8")


def attempt(url: str, sender: Sender | None = None) -> Outcome:
    async def go() -> Outcome:
        used = sender or Sender(LOOPBACK, seconds=5)
        try:
            return await used.send(url, b'{"a": 1}', {"webhook-id": "msg_1"}, 0)
        finally:
            await used.close()

    return asyncio.run(go())


def answering(receiver: Receiver, status: int, **headers: str) -> None:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    receiver.answer = lambda delivery: (status, more)


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.0.0.1 172.16.3.4 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1"
    " 255.255.255.255 240.0.0.1 192.0.2.1 198.18.0.1 :: ::1 fe80::1 fc00::1 ff02::1"
    " ::ffff:127.0.0.1 ::ffff:10.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1 64:ff9b::808:808"
    " 2001:0:4136:e378:8000:63bf:80ff:fffe".split(),
)
def test_no_address_of_a_private_network_is_called(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(RequestError, match=r"not a public address|has no address"):
        asyncio.run(resolve(f"https://{host}/hook"))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2002:808:808::"]
)
def test_a_public_address_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "2130706433", "127.1"])
def test_a_name_or_another_way_to_write_it_does_not_help(host: str) -> None:
    with pytest.raises(RequestError) as refused:
        asyncio.run(resolve(f"https://{host}/hook"))
    assert refused.value.code == "webhook-address"


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com/", "https:///x", "https://user:x@example.com/",
     "https://example.com/#x", "https://example.com:99999/", "https://exa mple.com/",
     "https://example.com/\u0430"],
)  # fmt: skip
def test_a_url_that_cannot_be_an_endpoint_is_refused(url: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_url(url)
    assert refused.value.code == "webhook-url"


def test_without_permission_a_receiver_in_the_own_network_gets_nothing() -> None:
    with receiving() as receiver:
        outcome = attempt(receiver.url(), Sender(networks("10.0.0.0/8"), seconds=5))
        assert outcome.kind == "failed"
        assert "not a public address" in outcome.detail
        assert receiver.deliveries == []


def test_a_message_arrives_as_it_was_signed() -> None:
    with receiving() as receiver:
        assert attempt(receiver.url("/a?b=c")).kind == "delivered"
        (delivery,) = receiver.deliveries
        assert delivery.path == "/a?b=c"
        assert delivery.body == b'{"a": 1}'
        assert delivery.headers["webhook-id"] == "msg_1"
        assert delivery.headers["content-type"] == "application/cloudevents+json"
        assert delivery.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_a_failure_and_not_followed() -> None:
    with receiving() as receiver, receiving() as elsewhere:
        answering(receiver, 307, location=elsewhere.url())
        outcome = attempt(receiver.url())
        assert (outcome.kind, outcome.detail) == ("failed", "the receiver answered 307")
        assert elsewhere.deliveries == []


def test_only_2xx_is_delivered_and_410_wants_no_more() -> None:
    assert {outcome_of(status, "", 0).kind for status in (200, 201, 204, 299)} == {"delivered"}
    assert outcome_of(410, "", 0).kind == "gone"
    others = (300, 301, 302, 304, 400, 401, 404, 409, 429, 500, 502, 503, 504)
    assert {outcome_of(status, "", 0).kind for status in others} == {"failed"}


def test_retry_after_is_heard_as_seconds_or_date_and_no_longer_than_a_day() -> None:
    assert wait_seconds("120", 0) == 120
    assert wait_seconds("Thu, 01 Jan 1970 00:01:00 GMT", 0) == 60
    assert wait_seconds("9999999999", 0) == 24 * 3600
    assert {wait_seconds(text, 0) for text in ("", "soon", "-5", "1.5", "٣")} == {0}


def test_nobody_there_is_a_failure_with_its_reason() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outcome = attempt(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert outcome.kind == "failed"
    assert outcome.detail


def test_a_receiver_that_does_not_answer_is_left_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        outcome = attempt(url, Sender(LOOPBACK, seconds=0.2))
    assert outcome == Outcome("failed", "no answer within 0.2 seconds")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and key for `localhost`, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", file, "-out",
         file.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + file.with_suffix(".crt").read_bytes())
    return file


def test_the_address_is_pinned_and_the_certificate_still_that_of_the_name(
    certificate: Path,
) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trust = ssl.create_default_context(cafile=str(certificate.with_suffix(".crt")))
    allowed = (*LOOPBACK, *networks("::1/128"))
    with receiving(serving) as receiver:
        named = attempt(
            receiver.url(host="localhost", scheme="https"), Sender(allowed, trust=trust)
        )
        assert named.kind == "delivered", named
        assert receiver.deliveries[0].headers["host"] == f"localhost:{receiver.port}"
        other = attempt(
            receiver.url(host="127.0.0.1", scheme="https"), Sender(allowed, trust=trust)
        )
        assert "certificate" in other.detail
        unknown = attempt(receiver.url(host="localhost", scheme="https"), Sender(allowed))
        assert "certificate" in unknown.detail
        assert len(receiver.deliveries) == 1


def rows(*members: str) -> list[dict[str, object]]:
    return [{"member": each, "sequence": n} for n, each in enumerate(members)]


def test_messages_of_a_member_go_one_after_the_other_and_those_of_others_beside_them() -> None:
    async def go() -> None:
        under_way: list[str] = []
        most: list[int] = []
        seen: list[tuple[str, int]] = []

        async def send(row) -> Outcome:
            assert row["member"] not in under_way
            under_way.append(row["member"])
            most.append(len(under_way))
            await asyncio.sleep(0.001)
            under_way.remove(row["member"])
            seen.append((row["member"], row["sequence"]))
            return Outcome("delivered", "")

        sent = rows(*"abcabcaabbcc")
        unsent, failure = await send_in_order(sent, send, lambda: True)
        assert (unsent, failure) == ([], None)
        assert max(most) == 3
        for member in "abc":
            own = [sequence for who, sequence in seen if who == member]
            assert own == sorted(own)
        assert len(seen) == 12

    asyncio.run(go())


def test_after_a_failure_nothing_more_is_begun() -> None:
    async def go() -> None:
        tried: list[int] = []

        async def send(row) -> Outcome:
            tried.append(row["sequence"])
            return Outcome("failed" if row["sequence"] == 2 else "delivered", "no")

        unsent, failure = await send_in_order(rows(*"aaaaa"), send, lambda: True)
        assert tried == [0, 1, 2]
        assert [row["sequence"] for row in unsent] == [2, 3, 4]
        assert failure is not None
        assert failure.kind == "failed"

    asyncio.run(go())
