"""Named SQL: one statement a file of `store/sql`; its first line says what it does."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> bytes:
    """The text of `store/sql/<name>.sql`, ready to be sent."""
    return (files("laurels.store") / "sql" / f"{name}.sql").read_bytes()


def split(text: str) -> list[str]:
    """The statements of a file of DDL: comments gone, cut at semicolons that end a line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [each.strip() for each in "\n".join(lines).split(";\n") if each.strip(" ;\n")]
