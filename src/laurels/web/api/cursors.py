"""Pages of long lists: opaque cursors, and the links between pages.

A cursor holds where the page before it ended, in a total order, and a digest of what the list was
filtered by. It is signed: it cannot be made up, and one of another list is refused. Nothing counts
from the start, so what is inserted meanwhile shifts no page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from laurels.web.api.problems import Detail, Trouble

LIMIT_DEFAULT, LIMIT_MAX = 50, 500

_TAG = 16  # bytes of the signature
_DIGEST = 8  # bytes of the digest of the filter

Place = list[int | str]
"""Where a page ended: the last key of its total order."""

_packer = msgspec.msgpack.Encoder()
_reader = msgspec.msgpack.Decoder(tuple[bytes, Place])


class Cursors:
    """Makes and reads cursors with one secret of at least 16 bytes, the same in every process."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, place: Place, of: Mapping[str, str]) -> str:
        """A cursor to what follows `place` in the list that `of` names: route and filters."""
        content = _packer.encode((_digest(of), place))
        return base64.urlsafe_b64encode(self._tag(content) + content).rstrip(b"=").decode()

    def read(self, cursor: str | None, of: Mapping[str, str]) -> Place | None:
        """Where the page before ended; None where there is no cursor: the list begins.

        Raises: Trouble `cursor-wrong` for what was not made here, or for another list.
        """
        if cursor is None:
            return None
        try:
            sealed = base64.b64decode(
                cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, UnicodeEncodeError, ValueError):
            raise _wrong("it is no cursor of this server") from None
        tag, content = sealed[:_TAG], sealed[_TAG:]
        if not hmac.compare_digest(tag, self._tag(content)):
            raise _wrong("it is no cursor of this server")
        digest, place = _reader.decode(content)
        if digest != _digest(of):
            raise _wrong("it belongs to another list or other filters")
        return place

    def seal(self, content: bytes) -> bytes:
        """What only this server can have put to some content: 32 bytes."""
        return hmac.digest(self._secret, content, "sha256")

    def _tag(self, content: bytes) -> bytes:
        return self.seal(b"cursor" + content)[:_TAG]


def _digest(of: Mapping[str, str]) -> bytes:
    return hashlib.sha256(_packer.encode(sorted(of.items()))).digest()[:_DIGEST]


def _wrong(what: str) -> Trouble:
    detail = Detail("cursor-wrong", what, parameter="cursor", hint="begin without one")
    return Trouble("cursor-wrong", f"cursor: {what}", details=[detail])


def link_header(
    path: str, query: Mapping[str, str], following: str | None, name: str = "cursor"
) -> str:
    """The `Link` header (RFC 8288) of a page: its list's first page, and the next if there is one.

    path   as it was sent, quoted; query: filters and limit, without the cursor
    name   of the parameter that takes a cursor
    """
    first = f"{path}?{urlencode(query)}" if query else path
    links = [f'<{first}>; rel="first"']
    if following is not None:
        links.append(f'<{path}?{urlencode({**query, name: following})}>; rel="next"')
    return ", ".join(links)
