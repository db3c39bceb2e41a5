"""Parts of a path, routed as they were sent: `{member:text}` may hold a quoted slash."""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor


class TextConvertor(Convertor[str]):
    """A part of a path: quoted outside, any text inside."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The text that was quoted."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """The quoted text."""
        return quote(value, safe="")


register_url_convertor("text", TextConvertor())
