"""No input makes the loader or the check raise anything but a finding with a place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurels.base.errors import LaurelsError, ProgramError
from laurels.program.check import findings
from laurels.program.loader import load_document, parse_document

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "programs").glob("*/program.yaml"))
TEXTS = [path.read_text("utf-8") for path in FILES]
TREES = [yaml.load(text, Loader=yaml.BaseLoader) for text in TEXTS]

ODD = st.one_of(
    st.sampled_from(
        ["", "~", "0", "-1", "1e9", "9" * 25, "0." + "1" * 30, "true", "never", "100 years",
         "99999999 days", "2025-02-30", "1/0", "150%", "> 0", "by", "none", "in", "a.b",
         "event.amount / 0", "event.amount * 99999999999", "held.nothing", "'", "level.", "all",
         "\u2028", "\x00", "\ud7ff", "²", "1_0", "purchase", "member", "money('1')", "[]"]
    ),
    st.text(max_size=8),
    st.integers(-(10**20), 10**20).map(str),
)  # fmt: skip
VALUES = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ODD, inner, max_size=2)
)
LIGHT = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


def examine(text: str) -> None:
    try:
        found = findings(parse_document(text, "x.yaml"))
    except ProgramError as error:
        found = error.findings
    lines = text.count("\n") + 2
    for each in found:
        assert each.code
        assert each.message
        assert 1 <= each.line <= lines + 1, each
        assert each.column >= 1


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every part of a tree but the whole."""
    found = []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        found.append((*path, key))
        if isinstance(value, (dict, list)):
            found += places(value, (*path, key))
    return found


PLACES = [places(tree) for tree in TREES]


def copied(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real program in which a few parts are gone, other, or stand elsewhere."""
    which = draw(st.integers(0, len(TREES) - 1))
    tree = copied(TREES[which])
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(PLACES[which]))
        here = tree
        try:
            for key in way:
                here = here[key]
            here[last]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(here, str):
            continue
        action = draw(st.sampled_from(["delete", "replace", "rename", "move", "double"]))
        if action == "delete":
            del here[last]
        elif action == "rename" and isinstance(here, dict):
            here[draw(ODD)] = here.pop(last)
        elif action == "move":
            here[last] = copied(at(TREES[which], draw(st.sampled_from(PLACES[which]))))
        elif action == "double" and isinstance(here, list):
            here.append(copied(here[last]))
        else:
            here[last] = draw(VALUES)
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


@LIGHT
@given(mutated())
def test_programs_with_parts_changed_are_judged(text: str) -> None:
    examine(text)


@LIGHT
@given(st.sampled_from(TEXTS), st.data())
def test_programs_with_text_changed_are_judged(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    piece = data.draw(
        st.one_of(ODD, st.sampled_from(["\t", "&a ", "*a", "<<: *a\n", "- ", "{[", "|"]))
    )
    examine(text[:start] + piece + text[end:])


@LIGHT
@given(st.binary(max_size=200))
def test_bytes_are_judged(tmp_path_factory: Any, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.yaml"
    path.write_bytes(raw)
    try:
        findings(load_document(path))
    except LaurelsError as error:
        assert isinstance(error, ProgramError)


def test_deep_nesting_is_judged() -> None:
    for opening in ("[", "{a: "):
        examine("program: " + opening * 30_000)
    examine("a:\n" + "".join(" " * (2 * i) + f"b{i}:\n" for i in range(1, 200)))
    examine("x: " + "[" * 300 + "]" * 300)


def test_aliases_that_multiply_are_judged() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    examine("\n".join(lines))


def test_an_alias_to_itself_is_judged() -> None:
    examine("program: &a [*a]\n")


def test_a_folder_and_nothing_are_judged(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml", tmp_path / "a\0b"):
        try:
            findings(load_document(path))
        except ProgramError as error:
            assert error.findings[0].code == "program-file-unreadable"
        else:
            raise AssertionError(path)
