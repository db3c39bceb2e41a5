"""What changed between two programs in meaning, not in text, in words.

diff(old, new)      the changes, in the order of the file
Change.path         where: a path that a setting understands (``setting.change``)
Change.words        the sentence
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from laurels.program import linked as L
from laurels.program.facts import Fact, Part, facts_of
from laurels.program.form import KeyPath
from laurels.program.setting import path_text

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Change:
    """One difference. ``old`` and ``new`` are values for people; None where there is none."""

    path: str
    kind: Kind
    part: str
    words: str
    old: str | None
    new: str | None

    def as_data(self) -> dict[str, object]:
        """As JSON holds it."""
        return {
            "path": self.path, "kind": self.kind, "part": self.part, "words": self.words,
            "old": self.old, "new": self.new,
        }  # fmt: skip


def diff(old: L.Linked, new: L.Linked) -> tuple[Change, ...]:
    """Every difference in meaning. Versions are matched by their numbers; where each program has
    but one version, those two are compared whatever their numbers."""
    before, after = facts_of(old), facts_of(new)
    return tuple(_Diff(old, new).parts(_paired(before, after), after))


def _paired(before: Part, after: Part) -> Part:
    """Two single versions of different numbers are the same version."""
    mine = [each for each in before.parts if each.path[:1] == ("versions",)]
    theirs = [each for each in after.parts if each.path[:1] == ("versions",)]
    if len(mine) != 1 or len(theirs) != 1:
        return before
    only = replace(mine[0], name=theirs[0].name)
    return replace(before, parts=tuple(only if p is mine[0] else p for p in before.parts))


class _Diff:
    """Walks two trees of facts side by side."""

    def __init__(self, old: L.Linked, new: L.Linked) -> None:
        self.numbers = [each.number for each in new.versions]
        self.before = [each.number for each in old.versions]
        self.several = len(self.numbers) > 1 or len(self.before) > 1

    def path(self, part: Part, inner: tuple[str, ...] = (), gone: bool = False) -> str:
        """Where something stands; what is gone, in the old file."""
        at: KeyPath = (*part.path, *inner)
        return path_text(at, self.before if gone else self.numbers)

    def prefix(self, part: Part) -> str:
        """Of which part a sentence speaks; the version only where there are several."""
        words = [part.name] if part.path and not _is_version(part) else []
        if self.several and part.path[:1] == ("versions",):
            words.insert(0, f"version {self.numbers[int(part.path[1])]}")
        return f"{', '.join(words)}: " if words else ""

    def parts(self, old: Part, new: Part) -> Iterator[Change]:
        """The differences of a part that both have: its own facts, then what is inside."""
        yield from self.facts(old, new)
        theirs = {each.name: each for each in new.parts}
        mine = {each.name: each for each in old.parts}
        within = self.prefix(new) if _is_version(new) else ""
        for name, before in mine.items():
            if name not in theirs:
                path, said = self.path(before, gone=True), before.said
                yield Change(path, "removed", name, f"{within}{name} is gone: {said}", said, None)
        latest: Part | None = None
        for name, after in theirs.items():
            if name in mine:
                yield from self.parts(mine[name], after)
            elif _is_version(after) and latest is not None:
                yield from self.version(latest, after)
            else:
                words = f"{within}{name} is new: {after.said}"
                yield Change(self.path(after), "added", name, words, None, after.said)
            latest = after if _is_version(after) else latest

    def version(self, before: Part, after: Part) -> Iterator[Change]:
        """A new version: what it changes of the one before it."""
        dates = ("effective_from", "published_at")
        start = next(fact.shown for fact in after.facts if fact.path == dates[:1])
        words = f"{after.name} is new, in force from {start}; after {before.name} it changes this:"
        path = f"versions.{self.numbers[int(after.path[1])]}"
        yield Change(path, "added", after.name, words, None, start)
        for each in self.parts(before, after):
            if not each.path.endswith(dates):
                yield each

    def facts(self, old: Part, new: Part) -> Iterator[Change]:
        """The differences between what two parts say of themselves."""
        mine, theirs = _by_place(old.facts), _by_place(new.facts)
        for place in dict.fromkeys([*theirs, *mine]):
            before = mine.get(place) or _rest(mine, place, theirs)
            after = theirs.get(place) or _rest(theirs, place, mine)
            if before is None and after is not None:
                words = f"{self.prefix(new)}{after.aspect}: {after.shown} (new)"
                path = self.path(new, after.path)
                yield Change(path, "added", new.name, words, None, after.shown)
            elif after is None and before is not None:
                words = f"{self.prefix(new)}{before.aspect}: no longer (before {before.shown})"
                path = self.path(old, before.path, gone=True)
                yield Change(path, "removed", new.name, words, before.shown, None)
            elif before is not None and after is not None and not _same(before, after):
                yield self.changed(new, before, after)

    def changed(self, part: Part, before: Fact, after: Fact) -> Change:
        """Both say it, differently."""
        about = f"{self.prefix(part)}{after.aspect}"
        words = f"{about}: {after.shown} (before {before.shown})"
        low, high = before.number, after.number
        if low is not None and high is not None and low != high:
            verb = "rises" if high > low else "falls"
            words = f"{about} {verb} from {before.shown} to {after.shown}"
        path = self.path(part, after.path)
        return Change(path, "changed", part.name, words, before.shown, after.shown)


def _is_version(part: Part) -> bool:
    return part.path[:1] == ("versions",) and len(part.path) == 2


def _by_place(facts: Sequence[Fact]) -> dict[tuple[object, ...], Fact]:
    return {(fact.place, fact.order): fact for fact in facts}


def _rest(
    facts: dict[tuple[object, ...], Fact],
    place: tuple[object, ...],
    others: dict[tuple[object, ...], Fact],
) -> Fact | None:
    """What a table says of a value that only the other table names."""
    path, order = place
    assert isinstance(path, tuple)
    found = facts.get(((*path[:-1], "otherwise"), False)) if path and not order else None
    if found is None or path[-1] == "by":
        return None
    named = others[place]
    return replace(found, path=named.path, aspect=named.aspect)


def _same(before: Fact, after: Fact) -> bool:
    """Whether two facts mean the same, or leave it to what is around them."""
    if before.order and isinstance(before.key, tuple) and isinstance(after.key, tuple):
        both = set(before.key) & set(after.key)
        return [n for n in before.key if n in both] == [n for n in after.key if n in both]
    return before.key == after.key or (before.inherited and after.inherited)
