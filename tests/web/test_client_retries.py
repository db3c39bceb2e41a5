"""The client against a server that misbehaves: what is sent again, what is told."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from laurels.client import AsyncLaurels, Laurels, OutcomeUnknown, Problem, Retry
from laurels.client.retry import AGAIN

QUICK = Retry(attempts=4, first=0.001, longest=0.01)
Reply = tuple[int, dict[str, str], dict] | None
TAKEN: Reply = (200, {}, {"status": "taken", "id": "t1"})


class Peer(ThreadingHTTPServer):
    """Answers with the replies of a script, one after the other; None hangs up without a word."""

    def __init__(self, script: list[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.seen: list[tuple[str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Peer
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append((self.command, self.path, body))
        reply = self.server.script.pop(0)
        if reply is None:
            self.close_connection = True
            self.connection.close()
            return
        status, headers, document = reply
        content = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def finish(self) -> None:
        with suppress(OSError, ValueError):  # it may have hung up itself
            super().finish()


@contextmanager
def peer(*script: Reply) -> Iterator[Peer]:
    server = Peer(list(script))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send_sync(url: str, event: dict) -> dict:
    with Laurels(url, "key", "shop", retry=QUICK) as laurels:
        return dict(laurels.send(event))


def send_async(url: str, event: dict) -> dict:
    async def sending() -> dict:
        async with AsyncLaurels(url, "key", "shop", retry=QUICK) as laurels:
            return dict(await laurels.send(event))

    return asyncio.run(sending())


both = pytest.mark.parametrize("send", [send_sync, send_async])
Send = Callable[[str, dict], dict]


@both
@pytest.mark.parametrize(
    "trouble", [None, (503, {}, {}), (429, {"Retry-After": "0"}, {}), (502, {}, {})]
)
def test_it_sends_the_same_bytes_again_until_there_is_an_answer(send: Send, trouble: Reply) -> None:
    with peer(trouble, trouble, TAKEN) as server:
        assert send(server.url, {"type": "purchase"})["status"] == "taken"
        assert len(server.seen) == 3
        assert len(set(server.seen)) == 1
        assert json.loads(server.seen[0][2])["id"]


@both
def test_an_answer_that_says_no_is_an_answer(send: Send) -> None:
    said = {"code": "event-unit", "detail": "no such unit", "errors": [{"pointer": "/unit"}]}
    with peer((422, {}, said)) as server:
        with pytest.raises(Problem) as caught:
            send(server.url, {"id": "t1"})
        assert (caught.value.status, caught.value.code) == (422, "event-unit")
        assert caught.value.errors == [{"pointer": "/unit"}]
        assert len(server.seen) == 1


@both
def test_when_no_answer_comes_the_outcome_is_unknown(send: Send) -> None:
    with peer(None, None, None, None) as server:
        with pytest.raises(OutcomeUnknown):
            send(server.url, {"id": "t1"})
        assert len(server.seen) == 4


@both
def test_a_server_that_stays_busy_is_told_as_busy(send: Send) -> None:
    with peer(*[(503, {}, {"code": "store-unreachable"})] * 4) as server:
        with pytest.raises(Problem) as caught:
            send(server.url, {"id": "t1"})
        assert caught.value.code == "store-unreachable"


def test_postings_are_read_page_after_page() -> None:
    pages = [
        (200, {}, {"rows": [{"id": "1"}, {"id": "2"}], "next": "c"}),
        (200, {}, {"rows": [{"id": "3"}], "next": None}),
    ]
    with peer(*pages) as server, Laurels(server.url, "key", "shop") as laurels:
        assert [each["id"] for each in laurels.postings("an/na")] == ["1", "2", "3"]
        assert [path for _, path, _ in server.seen] == [
            "/v1/programs/shop/members/an%2Fna/postings",
            "/v1/programs/shop/members/an%2Fna/postings?cursor=c",
        ]


def test_waits_grow_and_obey_the_server() -> None:
    retry = Retry(first=1.0, longest=8.0)
    assert [retry.wait(n, {}, 1.0, 0.0) for n in range(1, 6)] == [1, 2, 4, 8, 8]
    assert retry.wait(3, {}, 0.0, 0.0) == 0
    assert retry.wait(1, {"retry-after": "5"}, 0.5, 0.0) == 5.5
    assert retry.wait(1, {"retry-after": "500"}, 0.5, 0.0) == 8
    assert retry.wait(1, {"retry-after": "Thu, 01 Jan 1970 00:00:03 GMT"}, 0.0, 0.0) == 3
    assert retry.wait(1, {"retry-after": "soon"}, 1.0, 0.0) == 1
    assert {429, 503} <= AGAIN


def test_both_clients_have_the_same_methods() -> None:
    def methods(of: type) -> set[str]:
        return {name for name in vars(of) if not name.startswith("_")}

    assert methods(Laurels) == methods(AsyncLaurels)
