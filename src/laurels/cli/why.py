"""`laurels explain`: the book of one member, and what it says about an event or a posting."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from laurels.base.errors import RequestError
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.ledger.postings import Posting
from laurels.replay.raw import Events
from laurels.replay.run import replay

LANGUAGES = ("en", "ru")


@dataclass(frozen=True)
class Answer:
    """An explanation: what was asked, as data, and as sentences."""

    kind: str
    identity: str
    data: dict[str, Any]
    sentences: Sequence[str]


def explain(
    program: Compiled, events: Events, kind: str, identity: str, lang: str, until: int | None
) -> Answer:
    """Explain an event, a posting or a member, as it was known then.

    Raises RequestError when the history does not hold it.
    """
    for member in _members(events, kind, identity):
        book = book_of(program, events, member, until)
        if book is None or kind == "posting" and not _holds(book, identity):
            continue
        found = _explained(book, kind, identity, _source(events, identity))
        return Answer(kind, identity, {kind: identity, "member": member, **found.as_data()},
                      sentences_of(found, lang))  # fmt: skip
    raise RequestError(
        "unknown-in-history",
        f"the history knows no {kind} `{identity}`",
        where=f"--{kind}",
        expected="an id as it stands in the events or postings",
    )


def _members(events: Events, kind: str, identity: str) -> list[str]:
    """Members whose books may hold it; the id of a posting begins with its member's."""
    if kind == "member":
        known = any(str(raw.get("member")) == identity for raw in events)
        return [identity] if known else []
    if kind == "event":
        found = [str(raw["member"]) for raw in events if raw.get("id") == identity]
        return list(dict.fromkeys(found))
    return sorted({str(raw.get("member")) for raw in events
                   if identity.startswith(f"{raw.get('member')}/")})  # fmt: skip


def _source(events: Events, identity: str) -> str:
    found = next((raw.get("source") for raw in events if raw.get("id") == identity), None)
    return "" if found is None else str(found)


def book_of(program: Compiled, events: Events, member: str, until: int | None) -> Book | None:
    """A member's book, everything taken when it was learned of."""
    kept: list[Book] = []

    def keep(book: Book, postings: Sequence[Posting]) -> None:
        del postings
        kept.append(book)

    replay(program, events, until, as_recorded=True, sink=keep, only=member)
    return kept[0] if kept else None


def _holds(book: Book, posting: str) -> bool:
    return any(each.id == posting for each in book.postings())


def _explained(book: Book, kind: str, identity: str, source: str) -> Any:
    from laurels.engine.explain import explain_event, explain_member, explain_posting

    if kind == "event":
        return explain_event(book, identity, source)
    return explain_posting(book, identity) if kind == "posting" else explain_member(book)


def sentences_of(explanation: Any, lang: str) -> list[str]:
    """An explanation in words."""
    if importlib.util.find_spec("laurels.engine.sentences") is None:
        return []
    found = importlib.import_module("laurels.engine.sentences").sentences(explanation, lang)
    return [found] if isinstance(found, str) else list(found)


def show(console: Console, answer: Answer) -> None:
    """An explanation on the terminal: its sentences, or its data where there are none."""
    console.print(Rule(Text(f" {answer.kind} {answer.identity} ", "bold cyan"), style="cyan"))
    if answer.sentences:
        for sentence in answer.sentences:
            console.print(Padding(Text(sentence), (0, 2)))
    else:
        _show_data(console, answer.data, 1)


def _show_data(console: Console, data: Mapping[str, Any], depth: int) -> None:
    """Names and values, nested ones further in; what is empty is left out."""
    for name, value in data.items():
        if value in (None, "", [], {}):
            continue
        margin = "  " * depth
        if isinstance(value, Mapping):
            console.print(Text(f"{margin}{name}", "dim"))
            _show_data(console, value, depth + 1)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, Mapping):
                    console.print(Text(f"{margin}{name}", "dim"))
                    _show_data(console, each, depth + 1)
                else:
                    console.print(Text.assemble((f"{margin}{name}: ", "dim"), str(each)))
        else:
            console.print(Text.assemble((f"{margin}{name}: ", "dim"), str(value)))
