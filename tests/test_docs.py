"""The documentation runs: every example in it is read, checked, executed.

What is done with a fenced block depends on its language and on how it begins:

    console                                 commands, typed beside the page's program, and what
                                            they print
    csv                                     saved as `events.csv` beside the page's program
    python                                  executed, in one namespace for each page; when a `text`
                                            block follows at once, it is what the block prints
    yaml, begins with `program:`            a whole program: checked, nothing is found
    yaml, begins with `title:` `shows:`     a story: told with the page's program, and true
    yaml, other keys of a version or of a   a part: laid over the page's program, which must then
    program                                 still be right; later parts are laid over that
    yaml, anything else                     read as YAML

A block of language `yaml wrong` is a part with a mistake, laid over the page's program for once:
the `text` block that follows is what `laurels check` finds.
"""

import contextlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import laurels
from laurels.base.errors import Finding, ProgramError
from laurels.ledger.accounts import FLOWS
from laurels.program import check, model
from laurels.program.loader import parse_document
from laurels.program.model import Program, Version
from laurels.replay.output import LISTS
from laurels.replay.writers import POSTINGS
from laurels.story import load_story, tell

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
PAGES += [f"docs/{name}.md" for name in ("start", "guide", "time-and-corrections", "library")]
PAGES += ["docs/http.md", "docs/integrate.md", "docs/moving.md", "docs/files.md"]
FENCE = re.compile(r"^```(?P<language>[a-z ]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#]*)(#(?P<part>[^)]*))?\)")

Tree = Any


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the `text` block that follows it at once, if any."""

    page: str
    line: int
    language: str
    text: str
    printed: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page in their order; `text` blocks go with what they follow."""
    whole = (ROOT / page).read_text("utf-8")
    found = list(FENCE.finditer(whole))
    for number, each in enumerate(found):
        if each["language"] == "text":
            continue
        after = found[number + 1] if number + 1 < len(found) else None
        near = after is not None and after["language"] == "text"
        near = near and whole[each.end() : after.start()].strip() == ""  # type: ignore[union-attr]
        printed = after["text"] if near and after is not None else None
        line = whole.count("\n", 0, each.start()) + 1
        yield Block(page, line, each["language"], each["text"], printed)


def texts(node: yaml.Node) -> Tree:
    """A tree in which every scalar keeps its text."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [texts(each) for each in node.value]
    return {str(key.value): texts(value) for key, value in node.value}


def laid_over(below: Tree, above: Tree) -> Tree:
    """Mappings are united, deep down; an empty value takes a key away; anything else replaces."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    united = below | {key: laid_over(below.get(key), value) for key, value in above.items()}
    return {key: value for key, value in united.items() if value is not None}


def with_part(program: Tree, part: Tree) -> Tree:
    """A program with a part of the file, or a part of its only version, laid over it."""
    if part.keys() <= keys_of(Version):
        *before, last = program["versions"]
        return program | {"versions": [*before, laid_over(last, part)]}
    return laid_over(program, part)


def is_part(tree: Tree) -> bool:
    """Whether a block holds keys of the program file."""
    return isinstance(tree, dict) and (
        tree.keys() <= keys_of(Version) or tree.keys() <= keys_of(Program)
    )


def found_in(text: str) -> tuple[Finding, ...]:
    """What is found in a program."""
    try:
        return check.findings(parse_document(text))
    except ProgramError as error:
        return error.findings


def told_of(finding: Finding) -> list[str]:
    """A finding as the terminal shows it, without its place in the file."""
    lines = [f"{finding.severity}[{finding.code}]: {finding.message}"]
    lines += [f"   = expected: {finding.expected}"] if finding.expected else []
    return lines + ([f"   = hint: {finding.hint}"] if finding.hint else [])


def written(tree: Tree) -> str:
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)


class Page:
    """A page that is being read: its program so far, its stories, the names of its code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = 0
        self.program: Tree = None
        self.names: dict[str, Any] = {"__name__": "docs"}

    def read(self, block: Block) -> None:
        """Do with a block what its kind asks for."""
        if block.language == "python":
            self.run(block)
        elif block.language == "yaml wrong":
            self.mistake(block)
        elif block.language == "yaml":
            self.document(block)
        elif block.language == "csv":
            (self.folder / str(self.kept) / "events.csv").write_text(block.text, "utf-8")
        elif block.language == "console":
            self.type(block)

    def run(self, block: Block) -> None:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            exec(compile("\n" * block.line + block.text, block.page, "exec"), self.names)
        if block.printed is not None:
            assert shown.getvalue() == block.printed, str(block)

    def type(self, block: Block) -> None:
        """Type each `$ laurels …` beside the page's program; `…` leaves out the rest."""
        for typed in block.text.removeprefix("$ ").split("\n$ "):
            command, *wanted = typed.splitlines()
            shown = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "from laurels.cli import main; main()",
                    *shlex.split(command)[1:],
                ],
                cwd=self.folder / str(self.kept),
                env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
                capture_output=True,
                text=True,
            )
            lines = [each.rstrip() for each in shown.stdout.splitlines()]
            if wanted[-1:] == ["…"]:
                wanted.pop()
                lines = lines[: len(wanted)]
            assert lines == wanted, f"{block}: {command}\n{shown.stderr}"

    def document(self, block: Block) -> None:
        tree = texts(yaml.compose(block.text, Loader=yaml.SafeLoader))
        if isinstance(tree, dict) and "program" in tree and "versions" in tree:
            self.program = tree
            assert found_in(block.text) == (), str(block)
            self.keep(block.text)
        elif isinstance(tree, dict) and {"title", "shows"} <= tree.keys():
            assert self.program is not None, str(block)
            self.story(block)
        elif self.program is not None and is_part(tree):
            self.program = with_part(self.program, tree)
            text = written(self.program)
            # a part may declare what only a later part reads: warnings are fine
            wrong = [str(each) for each in found_in(text) if each.severity == "error"]
            assert not wrong, "\n".join([str(block), *wrong])
            self.keep(text)

    def keep(self, text: str) -> None:
        """Each program in a folder of its own: what was read from a path is not read again."""
        laurels.loads(text)
        self.kept += 1
        (self.folder / str(self.kept) / "stories").mkdir(parents=True)
        (self.folder / str(self.kept) / "program.yaml").write_text(text, "utf-8")

    def story(self, block: Block) -> None:
        path = self.folder / str(self.kept) / "stories" / "story.yaml"
        path.write_text(block.text, "utf-8")
        told = tell(load_story(path))
        assert not told.differences, "\n".join([str(block), *map(str, told.differences)])

    def mistake(self, block: Block) -> None:
        part = texts(yaml.compose(block.text, Loader=yaml.SafeLoader))
        findings = found_in(written(with_part(self.program, part)))
        shown = [line for each in findings if each.severity == "error" for line in told_of(each)]
        assert block.printed is not None, str(block)
        assert shown == block.printed.splitlines(), str(block)


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    reading = Page(tmp_path)
    for block in blocks(page):
        reading.read(block)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    lost = []
    for link in LINK.finditer((ROOT / page).read_text("utf-8")):
        target = (ROOT / page).parent / link["target"] if link["target"] else ROOT / page
        if not target.exists() or link["part"] and link["part"] not in headings(target):
            lost.append(link[0])
    assert not lost, f"{page}: {', '.join(lost)}"


def headings(path: Path) -> set[str]:
    """The headings of a page as links name them."""
    found = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in found}


def test_the_architecture_shows_the_import_table() -> None:
    table = runpy.run_path(str(ROOT / "tests/tidy/test_house_rules.py"))["MAY_IMPORT"]
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)
    shown = {
        room: ", ".join(sorted(allowed)) or "nothing of ours" for room, allowed in table.items()
    }
    assert dict(rows) == shown


def keys_of(part: type[BaseModel]) -> set[str]:
    """The keys of a part of the program file, as they are written."""
    return {info.alias or key for key, info in part.model_fields.items()}


def test_the_guide_names_every_key_of_the_program_file() -> None:
    guide = (ROOT / "docs/guide.md").read_text("utf-8")
    parts = [each for each in vars(model).values() if isinstance(each, type)]
    missing = sorted(
        f"{each.__name__}.{key}"
        for each in parts
        if issubclass(each, BaseModel)
        for key in keys_of(each)
        if f"`{key}`" not in guide and not re.search(rf"^\s*-?\s*{key}:", guide, re.MULTILINE)
    )
    assert not missing, "docs/guide.md says nothing of " + ", ".join(missing)


def test_the_page_of_files_has_every_column_and_every_kind() -> None:
    text = (ROOT / "docs" / "files.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    kinds = {row[0].strip("`"): row[1:] for row in rows if len(row) == 3}
    for kind, flows in FLOWS.items():
        for side in (0, 1):
            listed = re.findall(r"`([^`]+)`", kinds[kind][side])
            assert sorted(listed) == sorted({flow[side] for flow in flows}), kind
    assert set(kinds) - {"kind", "---"} == set(FLOWS)
    postings = re.findall(r"`(\w+)`", text.partition("### Postings")[2].partition("There are")[0])
    assert [each for each in postings if each in POSTINGS] == list(POSTINGS)
    lists = {name for name in re.findall(r"^\| `([\w.]+)`", text, re.MULTILINE) if "." in name}
    written = {"postings.parquet", "members.parquet", "monthly.parquet", "summary.json", *LISTS}
    assert lists == written


def test_every_test_that_a_guarantee_names_is_there() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
    named = set(re.findall(r"`(tests/[a-z_/]+\.py)`", page))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
