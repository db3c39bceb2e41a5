"""Names that a program cannot give, because expressions or events use them already."""

from __future__ import annotations

import re
from collections.abc import Iterator

from laurels.program.form import KEY, KeyPath
from laurels.program.link.base import Part

NAME = re.compile(r"[a-z][a-z0-9_]*")
WORDS = frozenset({"in", "true", "false", "null"})
EVENT = frozenset(
    """amount currency direction hold id line lines member occurred_at outcome pays points
    recorded_at returns source to type unit until withdraws""".split()
)
LINE = frozenset("amount line".split())
METRIC = frozenset("glyph sum term title when".split())
LEVEL = frozenset("by none otherwise".split())
LADDER = frozenset({"first"})
WRITTEN = frozenset({"merged", "became"})
"""Events that no sender sends."""


class Reserved(Part):
    """Looks at every name that the program file gives."""

    def reserved(self) -> None:
        """Find names that mean something else where they would stand."""
        for path, why in [*self._words(), *self._attributes(), *self._in_versions()]:
            self.wrong((*path, KEY), "name-reserved", f"`{path[-1]}` is {why}", "another name")
        for index, product in enumerate(self.program.products):
            at: KeyPath = ("products", index)
            if not NAME.fullmatch(product) or product in WORDS:
                self.wrong(
                    at,
                    "product-name",
                    f"`{product}` is no name",
                    "a name: small letters, digits, `_`",
                )
            elif product in self.program.products[:index]:
                self.wrong(at, "product-twice", f"`{product}` stands here twice", "each once")

    def _words(self) -> Iterator[tuple[KeyPath, str]]:
        """Words of the expression language."""
        program = self.program
        paths: list[KeyPath] = [("units", name) for name in program.units]
        paths += [("member", name) for name in program.member]
        for name, event in program.events.items():
            paths += [("events", name, "attributes", key) for key in event.attributes]
            paths += [("events", name, "line", key) for key in event.line]
        for index, version in enumerate(program.versions):
            paths += [("versions", index, "metrics", name) for name in version.metrics]
            paths += [("versions", index, "ladders", name) for name in version.ladders]
        return ((path, "a word of expressions") for path in paths if path[-1] in WORDS)

    def _attributes(self) -> Iterator[tuple[KeyPath, str]]:
        """Fields that every event has, and events that have another meaning."""
        for name, event in self.program.events.items():
            if name in WRITTEN:
                yield ("events", name), "written by the service"
            for key in event.attributes:
                if key in EVENT:
                    yield ("events", name, "attributes", key), "a field of every event"
            for key in event.line:
                if key in LINE:
                    yield ("events", name, "line", key), "a field of every line"

    def _in_versions(self) -> Iterator[tuple[KeyPath, str]]:
        """Names that would be read as keys of the document."""
        for index, version in enumerate(self.program.versions):
            path: KeyPath = ("versions", index)
            for name in version.metrics:
                if name in METRIC:
                    yield (*path, "metrics", name), "a key of every level"
            for name, ladder in version.ladders.items():
                if name in LADDER:
                    yield (*path, "ladders", name), "a word of the engine"
                for level in ladder.levels:
                    if level in LEVEL:
                        yield (*path, "ladders", name, "levels", level), "a key of every table"
