"""All that is wrong with a program, in one run, and nothing that is wrong only because of it.

A mistake hides others and makes others up: where a unit is wrong, every number counted in it is in
doubt. So each mistake is mended in several unlike ways (`HANDS`), and the rest of the program is
judged beside each of them: what is found beside all is wrong with the program; what is found
beside some follows from the mistake, and is not told.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from laurels.base.errors import Finding
from laurels.program.form import KEY, KeyPath
from laurels.program.link import resolve
from laurels.program.link.reserved import WORDS
from laurels.program.lint import lint
from laurels.program.loader import Document, Placed
from laurels.program.standins import GONE, StandIns, hint_at, parts

HANDS = 6
ROUNDS, TRIES = 12, 4
"""A mend may be wrong itself; so often it is tried again, one part further up each time."""
LAYERS = 7


def layer(path: KeyPath) -> int:
    """How much a part of the file rests on others: each layer is judged with those below mended."""
    head = path[0] if path else "program"
    if head != "versions" or len(path) < 4:
        return {"events": 1, "member": 1, "products": 1, "versions": 2}.get(str(head), 0)
    if path[2] in ("metrics", "ladders"):
        return 2 if path[2] == "metrics" else 3
    if "rules" in path and path[2] in ("rules", "offers"):
        inside = path[path.index("rules") + 2 :]
        return 4 if not inside or inside[0] in ("on", "unit") else 5
    return 5 if path[2] == "offers" and "caps" not in path else 6


def findings(document: Document) -> list[Finding]:
    """Everything that is wrong or odd, for a document that has at least one error."""
    own = [each.finding for each in document.wrong]
    beside: list[set[Finding]] = []
    first: list[Finding] = []
    for hand in range(HANDS):
        found = Mended(document, hand).judged()
        if found is None:
            continue
        first = first or found
        beside.append({_bare(each) for each in found})
        if not set.intersection(*beside):
            break
    sure = set.intersection(*beside) if beside else set()
    return [*own, *(each for each in first if _bare(each) in sure)]


def _bare(found: Finding) -> Finding:
    """A finding without its advice, in which a stand-in may show."""
    return Finding(found.severity, found.code, found.message, found.file, found.line, found.column)


class Mended:
    """One way of mending all mistakes of a document, layer by layer."""

    def __init__(self, document: Document, hand: int) -> None:
        self.document = document
        self.hand = hand
        self.tree = copy.deepcopy(document.values)
        self.standins = StandIns(self.tree, hand)
        self.replaced: set[KeyPath] = set()
        self.touched: set[KeyPath] = set()
        for path, finding in document.wrong:
            if finding.code == "program-key-twice":
                self.replaced.add(path)
            elif finding.code == "program-key-not-text":
                self.touched.add(path)

    def judged(self) -> list[Finding] | None:
        """What is wrong beside the stand-ins; None where this way leads nowhere."""
        found: list[Placed] = []
        current = self._formed()
        if current is None:
            return None
        program, errors = resolve(current)
        for level in range(LAYERS):
            for attempt in range(TRIES):
                here = [each for each in errors if layer(each.path) <= level]
                if not here:
                    break
                if not attempt:
                    found += [each for each in here if not self._ours(each.path)]
                for each in here:
                    self._settle(each.path)
                current = self._formed()
                if current is None:
                    return None
                program, errors = resolve(current)
        if program is None:
            return None
        found += [each for each in lint(current, program) if not self._ours(each.path)]
        return [each.finding for each in found]

    def _formed(self) -> Document | None:
        """The document with every value of the wrong form replaced."""
        current = self.document.read(self.tree)
        for _ in range(ROUNDS):
            if current.typed is not None:
                return current
            for each in current.wrong:
                if each.path and each.path[-1] == KEY:
                    self._drop(each.path[:-1])
                    self.touched.add(each.path[:-2])
                else:
                    self._replace(each.path)
            current = self.document.read(self.tree)
        return None

    def _ours(self, path: KeyPath) -> bool:
        """Whether a finding is about what was put here, or about what its absence leaves open."""
        if any(path[: len(each)] == each for each in self.replaced):
            return True
        present = path in self.document.places
        return (path if present else path[:-1]) in self.touched

    # -- changes -------------------------------------------------------------------------------

    def _replace(self, path: KeyPath) -> None:
        """Put a stand-in in the place of a part; where that is one already, of what it is in."""
        while path in self.replaced and len(path) > 1:
            path = path[:-1]
        self.replaced.add(path)
        value = self.standins.at(path)
        if value is GONE:
            self._drop(path)
        else:
            here = self._at(path[:-1])
            if isinstance(here, dict):
                here[path[-1]] = value
            elif isinstance(here, list) and int(path[-1]) < len(here):
                here[int(path[-1])] = value

    def _settle(self, path: KeyPath) -> None:
        """Mend what does not fit: a mapping keeps what it has, another value is replaced."""
        if path and path[-1] == KEY:
            if path[-2] in WORDS:
                self._drop(path[:-1])
            return
        while len(path) > 1 and self._at(path) is GONE:
            path = path[:-1]
        here = self._at(path)
        kind = next((each for each in parts(hint_at(path)[0]) if isinstance(each, type)), None)
        if not isinstance(here, dict) or kind is None or path in self.touched:
            self._replace(path)
            return
        self.touched.add(path)
        for key, value in self.standins.settled(kind, path).items():
            if value is GONE:
                here.pop(key, None)
            else:
                here[key] = value

    def _at(self, path: Iterable[str | int]) -> Any:
        """The part of the tree at a path; GONE where there is none."""
        here: Any = self.tree
        for step in path:
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):
                return GONE
        return here

    def _drop(self, path: KeyPath) -> None:
        here = self._at(path[:-1])
        if isinstance(here, dict):
            here.pop(path[-1], None)
