"""Stories: what happens to a member on which day, and what the member sees.

A story is a YAML file that a program manager can read (docs/stories.md) and a test that every
engine must pass. `load_story` reads it, `tell` runs it and returns what differed, in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from laurels.base.errors import Finding, LaurelsError, ProgramError, RequestError
from laurels.base.instants import DAY, HOUR, MINUTE, format_instant, parse_instant
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled, load
from laurels.program.loader import load_document
from laurels.story.check import check_story
from laurels.story.file import Entry, StoryFile, read_story_file
from laurels.story.sees import ANSWERS, SEES, Sight, Words, see

OpenBook = Callable[[Path, str], Any]

_TIMES = ("at", "before", "after")
_STEP_KEYS = (*_TIMES, "event", "repeat", "note", "sees")
_LENGTHS = {"minute": MINUTE, "hour": HOUR, "day": DAY}
_REPEAT = re.compile(r"([1-9]\d{0,4}) every ([1-9]\d{0,3}) (minute|hour|day)s?")


@dataclass(frozen=True, slots=True)
class Difference:
    """One expectation that was not met, or one step that could not be taken."""

    file: str
    line: int
    step: int
    expected: str
    seen: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: step {self.step}: expected {self.expected}, seen {self.seen}"
        )


@dataclass(frozen=True, slots=True)
class Told:
    """A story that was told. Without differences it is true."""

    file: str
    title: str
    shows: tuple[str, ...]
    steps: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Step:
    """One step, its times in microseconds. Without events it only looks.

    at     the instant of the (last) event, or the instant looked at
    events each with the instant at which it is learned of
    after  look when everything due at that instant has happened; else just before it
    """

    file: Path
    number: int
    line: int
    at: int
    after: bool
    events: tuple[tuple[int, dict[str, Any]], ...]
    sees: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A story, read against the program it is about."""

    file: StoryFile
    program: Path
    zone: str
    units: tuple[str, ...]
    ladders: frozenset[str]
    steps: tuple[Step, ...]


def find_stories(paths: Iterable[Path]) -> list[Path]:
    """Story files: those named, and those in folders `stories` at or below the folders named."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += [each for each in path.rglob("*.yaml") if each.parent.name == "stories"]
        else:
            found.append(path)
    return sorted(dict.fromkeys(found))


def load_story(path: Path, later: tuple[Path, ...] = ()) -> Story:
    """Read a story. Raises ProgramError with file and line when it is wrong in itself.

    later: the stories that continue this one.
    """
    file = read_story_file(path)
    program = path.parent / file.program
    document = load_document(program).program
    steps: list[Step] = list(_earlier(file, (*later, path.resolve())))
    for number, entry in enumerate(file.steps, len(steps) + 1):
        step = _step(file, number, entry, document.zone)
        if steps and step.at < steps[-1].at:
            raise entry.wrong("story-time", "the step lies before the one above it")
        steps.append(step)
    ladders = frozenset(name for version in document.versions for name in version.ladders)
    return Story(file, program, document.zone, tuple(document.units), ladders, tuple(steps))


def _earlier(file: StoryFile, trail: tuple[Path, ...]) -> tuple[Step, ...]:
    """The steps of the story that this one continues."""
    if not file.continues:
        return ()
    before = file.path.parent / file.continues
    if before.resolve() in trail:
        raise ProgramError(
            [
                Finding(
                    "error",
                    "story-form",
                    "the story continues itself",
                    str(file.path),
                    1,
                    1,
                    "",
                    "",
                )
            ]
        )
    return load_story(before, trail).steps


def tell(story: Story, open_book: OpenBook | None = None) -> Told:
    """Run a story. `open_book` opens a member's book under a program file on another engine.

    Raises ProgramError when the story names what its program does not have.
    """
    if story.file.finds is not None:
        differences = _checked(story)
    else:
        differences = _told(story, (open_book or _book)(story.program, story.file.member))
    file = story.file
    return Told(str(file.path), file.title, file.shows, len(story.steps), tuple(differences))


@cache
def _program(path: Path) -> Compiled:
    """A program is compiled once for all of its stories."""
    return load(path)


def _book(path: Path, member: str) -> Book:
    return Book(_program(path.resolve()), member)


# -- telling ---------------------------------------------------------------------------------


def _checked(story: Story) -> Iterator[Difference]:
    """A story about a changed program file and what `laurels check` finds in it."""
    for line, expected, seen in check_story(story.file, story.program):
        yield Difference(str(story.file.path), line, 1, expected, seen)


def _told(story: Story, book: Any) -> Iterator[Difference]:
    words = Words(story.units, story.ladders, story.zone)
    for step in story.steps:
        sight = _take(book, step)
        for line, expected, seen in _answers(step, sight):
            yield Difference(str(step.file), line, step.number, expected, seen)
        for entry in step.sees:
            for expected, seen in see(entry, book, sight, words):
                yield Difference(str(step.file), entry.line, step.number, expected, seen)


def _take(book: Any, step: Step) -> Sight:
    """Advance to the step, take its events, and keep everything that was posted on the way."""
    sight = Sight()
    if not step.events:
        sight.postings += book.advance(step.at + step.after)
    for moment, event in step.events:
        try:
            sight.postings += book.advance(moment)
            decision = book.take(event)
        except RequestError as error:
            sight.answers.append(("rejected", error.code))
            continue
        except LaurelsError as error:
            sight.answers.append((f"{error.code}: {error.message}", ""))
            continue
        sight.postings += decision.postings
        code = decision.refusal.code if decision.refusal is not None else ""
        sight.answers.append((decision.status, code))
    return sight


def _answers(step: Step, sight: Sight) -> Iterator[tuple[int, str, str]]:
    """An event that was not simply taken must have been expected not to be."""
    named = {each.key for each in step.sees}
    expected = {status for word, status in ANSWERS.items() if word in named}
    for answer, code in sight.answers:
        if answer != "taken" and answer not in expected:
            yield step.line, "the event to be taken", f"{answer} {code}".strip()


# -- reading steps ---------------------------------------------------------------------------


def _step(file: StoryFile, number: int, entry: Entry, zone: str) -> Step:
    parts = {each.key: each for each in entry.entries()}
    for each in parts.values():
        if each.key not in _STEP_KEYS:
            raise each.wrong("story-key", f"unknown key `{each.key}`", ", ".join(_STEP_KEYS))
    times = [parts[key] for key in _TIMES if key in parts]
    if len(times) != 1 or ("event" in parts and "at" not in parts):
        raise entry.wrong(
            "story-time",
            "a step has one time",
            "`at` for an event; `at`, `before` or `after` to look",
        )
    at = _instant(times[0], times[0].text(), zone)
    moments = _moments(parts.get("repeat"), at)
    events = _events(file, number, parts["event"], moments) if "event" in parts else ()
    sees = parts["sees"].entries() if "sees" in parts else ()
    for each in sees:
        if each.key not in SEES:
            raise each.wrong("story-key", f"a member sees no `{each.key}`", ", ".join(SEES))
    return Step(file.path, number, entry.line, moments[-1], "after" in parts, tuple(events), sees)


def _instant(entry: Entry, text: str, zone: str) -> int:
    try:
        return parse_instant(text, zone)
    except RequestError as error:
        raise entry.wrong("story-time", error.what, error.expected) from None


def _moments(entry: Entry | None, at: int) -> list[int]:
    """The instants of a step that repeats: `25 every 1 hour`, the first at the step's time."""
    if entry is None:
        return [at]
    match = _REPEAT.fullmatch(entry.text())
    if match is None:
        raise entry.wrong("story-repeat", f"`{entry.text()}` repeats nothing", "25 every 1 hour")
    length = int(match[2]) * _LENGTHS[match[3]]
    return [at + length * index for index in range(int(match[1]))]


def _events(
    file: StoryFile, number: int, entry: Entry, moments: list[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events of a step. An id that is not given is made of step, turn and place."""
    given = entry.items()
    for turn, moment in enumerate(moments, 1):
        for place, each in enumerate(given, 1):
            written = each.plain()
            event = {"type": written} if isinstance(written, str) else dict(written or {})
            if not isinstance(event.get("type"), str):
                raise each.wrong(
                    "story-event", "the event has no type", "event: {type: purchase, amount: 100}"
                )
            name = f"step-{number:02}"
            name += f"-{turn:04}" if len(moments) > 1 else ""
            name += f"-{place}" if len(given) > 1 else ""
            event = {**file.usually.get(event["type"], {}), **event}
            event.setdefault("id", name)
            event.setdefault("member", file.member)
            if "occurred_at" in event:  # it happened then, and was learned of now
                event.setdefault("recorded_at", format_instant(moment))
            event.setdefault("occurred_at", format_instant(moment))
            yield moment, event
