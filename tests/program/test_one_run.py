"""All that is wrong with a file comes in one run, and nothing that is wrong only because of it."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from laurels.base.errors import Finding, ProgramError
from laurels.program.check import check, findings
from laurels.program.form import KeyPath
from laurels.program.loader import parse_document

LONG = bool(os.environ.get("LAURELS_LONG"))
FILES = sorted((Path(__file__).parent.parent.parent / "programs").glob("*/program.yaml"))

CAFE = """\
program: cafe
zone: Europe/Berlin
currency: EUR
units:
  bean: {precision: 0.1, worth: 0.05}
events:
  purchase:
    amount: required
    attributes: {place: [bar, terrace], tip: money}
    line: {item: text}
versions:
- version: 1
  metrics:
    spend: {of: purchase, sum: event.amount, window: month}
  ladders:
    club: {period: month, levels: {guest: {}, friend: {spend: 100.50}}}
  rules:
    base: {on: purchase, give: {rate: "by: level.club, guest: 1%, friend: 2%"}}
    terrace: {on: purchase, when: event.place == 'terrace', give: {points: 0.5}}
  caps:
    most: {rules: [base, terrace], per: month, at_most: 300.5}
""".replace('"by: level.club, guest: 1%, friend: 2%"', "{by: level.club, guest: 1%, friend: 2%}")


def judged(text: str) -> tuple[Finding, ...]:
    try:
        return findings(parse_document(text, "p.yaml"))
    except ProgramError as error:
        return error.findings


def marked(*edits: tuple[str, str]) -> tuple[str, list[tuple[int, int, str]]]:
    """CAFE with texts replaced; in each new text `§code§` stands before each place of a finding."""
    text = CAFE
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    expected = []
    while found := re.search(r"§([a-z-]+)§", text):
        before = text[: found.start()]
        expected.append((before.count("\n") + 1, len(before) - before.rfind("\n"), found[1]))
        text = before + text[found.end() :]
    return text, expected


def test_the_program_without_mistakes_has_no_findings() -> None:
    assert not judged(CAFE)


@pytest.mark.parametrize(
    "edits",
    {
        "a unit, a metric, a cap, a rate": [
            ("precision: 0.1", "precision: §program-value§fine"),
            ("event.place == 'terrace'", "§expression-unknown-name§metrics.visits > 3"),
            ("rules: [base, terrace]", "rules: [base, §name-unknown§patio]"),
            ("friend: 2%", "friend: §rate-too-fine§0.00000000001%"),
        ],
        "a unit's name in doubt leaves its points in peace": [
            ("bean: {", "bean: {§program-key-unknown§materal: true, "),
            ("at_most: 300.5", "at_most: 300.5, §program-key-unknown§each: 1"),
        ],
        "a metric in doubt leaves the ladder in peace": [
            ("sum: event.amount", "sum: §expression-unknown-name§event.amonut"),
            ("event.place == 'terrace'", "event.place == §expression-unknown-value§'garden'"),
        ],
        "a metric without a kind is still a metric": [
            ("  spend: {of: purchase, sum: event.amount", "  §metric-kind§spend: {of: purchase"),
            ("give: {points: 0.5}", "give: {points: 0.5, §program-key-unknown§pr: 3}"),
        ],
        "a key in the wrong words is told once": [
            ("at_most: 300.5", "§program-key-unknown§at_mots: 300.5"),
            ("place: [bar, terrace]", "place: [bar, terrace], size: §program-value§word"),
        ],
        "an attribute in doubt leaves conditions about it in peace": [
            ("place: [bar, terrace]", "place: §program-value§wrods"),
            ("tip: money", "tip: money, award: §name-unknown§points gold"),
            ("zone: Europe/Berlin", "zone: §zone-unknown§Europe/Berlinn"),
        ],
        "a rule on an unknown event may read what that event carries": [
            (
                "terrace: {on: purchase, when: event.place",
                "terrace: {on: §name-unknown§sale, when: event.place",
            ),
            ("currency: EUR", "currency: §program-value§euro"),
        ],
        "a rule without what it gives is still a rule": [
            (", give: {points: 0.5}", ""),
            ("    terrace: {on", "    §program-key-missing§terrace: {on"),
            ("per: month", "per: §program-value§mnth"),
            ("at_most: 300.5", "at_most: §program-value§lots"),
        ],
        "levels that are no mapping": [
            ("{guest: {}, friend: {spend: 100.50}}", "[guest, friend]"),
            ("month, levels", "month, §program-value§levels"),
            ("window: month", "window: §program-value§moon"),
        ],
        "events that are no mapping": [
            (
                "\n  purchase:\n    amount: required\n"
                "    attributes: {place: [bar, terrace], tip: money}\n    line: {item: text}",
                " [purchase]",
            ),
            ("events:", "§program-value§events:"),
            ("[base, terrace]", "[base, §name-unknown§patio]"),
        ],
        "two mappings of one name are read as one": [
            ("  caps:", "  §program-key-twice§rules: {}\n  caps:"),
            ("worth: 0.05", "worth: §program-value§much"),
        ],
    }.items(),
    ids=lambda case: case[0],
)  # fmt: skip
def test_exactly_the_true_findings_come(edits: tuple[str, list[tuple[str, str]]]) -> None:
    text, expected = marked(*edits[1])
    found = judged(text)
    assert sorted((each.line, each.column, each.code) for each in found) == sorted(expected), found
    with pytest.raises(ProgramError) as caught:
        check(parse_document(text, "p.yaml"))
    assert caught.value.findings == found


# ---------------------------------------------------------------- random mistakes, real programs

JUNK = (
    "x y", "-1", "[]", "{a: b}", "1/0", "nothing_here", "99999999 days", "0.000000000000000001%",
    "event.nothing_here > 1", "event.amount > > 1",
)  # fmt: skip
Edit = tuple[int, int, str, KeyPath]


def leaves(node: yaml.Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, yaml.ScalarNode]]:
    """Every plain value of a file on one line, with its path."""
    if isinstance(node, yaml.ScalarNode):
        if node.style not in ("|", ">") and node.start_mark.line == node.end_mark.line:
            yield path, node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from leaves(value, (*path, key.value))
    else:
        for index, value in enumerate(node.value):
            yield from leaves(value, (*path, index))


@cache
def text_of(file: Path) -> str:
    return file.read_text("utf-8")


@cache
def leaves_of(file: Path) -> list[tuple[KeyPath, yaml.ScalarNode]]:
    return list(leaves(yaml.compose(text_of(file))))


def edited(text: str, edits: list[Edit]) -> str:
    for start, end, junk, _ in sorted(edits, reverse=True):
        text = text[:start] + junk + text[end:]
    return text


Said = tuple[int, str, str]


def said(text: str) -> set[Said]:
    """Findings by line: a mistake to the left moves the column."""
    return {(each.line, each.code, each.message) for each in judged(text)}


def related(one: KeyPath, other: KeyPath) -> bool:
    """Whether two values belong to the same small part of a file, and may speak of one another."""
    near = min(len(one), len(other)) - 1
    return one[: max(near, 2)] == other[: max(near, 2)]


@pytest.mark.parametrize("seed", range(400 if LONG else 8))
def test_mistakes_neither_hide_one_another_nor_make_others_up(seed: int) -> None:
    rng = random.Random(seed)
    file = FILES[seed % len(FILES)]
    chosen = rng.sample(leaves_of(file), rng.choice([2, 3]))
    while any(related(one, other) for (one, _), (other, _) in combinations(chosen, 2)):
        chosen = rng.sample(leaves_of(file), len(chosen))
    edits = [
        (node.start_mark.index, node.end_mark.index, rng.choice(JUNK), path)
        for path, node in chosen
    ]
    text = text_of(file)
    alone = set().union(*(said(edited(text, [each])) for each in edits), said(text))
    together = said(edited(text, edits))
    assert not together - alone, f"made up, {[each[2:] for each in edits]}"
    assert not alone - together - said(text), f"hidden, {[each[2:] for each in edits]}"
