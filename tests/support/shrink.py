"""A failing example made small: events and parts of the document go while it still fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from laurels import Compiled
from laurels.base.errors import LaurelsError
from support.programs import Raw, compiled

Fails = Callable[[Compiled, Sequence[Raw]], str | None]
TRIES = 600


def failure(fails: Fails, text: str, raws: Sequence[Raw]) -> str | None:
    """The kind of a failure, None where there is none or the document is no program."""
    try:
        program = compiled(text)
    except LaurelsError:
        return None
    return fails(program, raws)


def shrink_events(fails: Fails, text: str, raws: list[Raw], kind: str) -> list[Raw]:
    """Fewer events, by halves, then one by one."""
    step = max(1, len(raws) // 2)
    while step:
        at = 0
        while at < len(raws):
            rest = raws[:at] + raws[at + step :]
            if rest and failure(fails, text, rest) == kind:
                raws = rest
            else:
                at += step
        step //= 2
    return raws


def paths(part: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every part of a document stands, the outer ones first."""
    keys = list(part) if isinstance(part, dict) else range(len(part) if _is_list(part) else 0)
    for key in keys:
        yield (*above, key)
        yield from paths(part[key], (*above, key))


def _is_list(part: Any) -> bool:
    return isinstance(part, list)


def without(document: Any, path: tuple[Any, ...]) -> Any:
    """A document without one of its parts; None where it has none there."""
    found = copy.deepcopy(document)
    part = found
    try:
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return found


def shrink_document(fails: Fails, text: str, raws: Sequence[Raw], kind: str) -> str:
    """A shorter document, as long as it is a program and fails in the same way."""
    document = yaml.safe_load(text)
    tries, smaller = 0, True
    while smaller and tries < TRIES:
        smaller = False
        for path in list(paths(document)):
            shorter = without(document, path)
            if shorter is None or tries >= TRIES:
                continue
            tries += 1
            if failure(fails, yaml.safe_dump(shorter, sort_keys=False), raws) == kind:
                document, smaller = shorter, True
    return str(yaml.safe_dump(document, sort_keys=False))


def smallest(fails: Fails, text: str, raws: list[Raw], kind: str) -> str:
    """What to show of a failure: a program, events and what is wrong, all of them small."""
    raws = shrink_events(fails, text, raws, kind)
    text = shrink_document(fails, text, raws, kind)
    raws = shrink_events(fails, text, raws, kind)
    return "\n".join([text, *map(str, raws)])
