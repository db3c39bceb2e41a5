"""For every finding one program that has it, at its place, and a neighbour that has not.

A case is one text: `⟦wrong¦right⟧` stands for both programs, `§` for the place of the finding.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laurels.base.errors import CODES, Finding, ProgramError
from laurels.program.check import check, findings
from laurels.program.loader import load_document, parse_document

ROOT = Path(__file__).parent.parent.parent
CASES = Path(__file__).with_name("findings.txt").read_text("utf-8")
HEAD = """\
program: p
zone: Asia/Almaty
currency: KZT
"""
COMMON = """\
units:
  bonus: {worth: 1}
  fine: {precision: 0.01}
  heart: {material: false, spendable: false}
events:
  purchase:
    amount: required
    attributes:
      method: [qr, cash]
      partner: text
      tip: {type: money, at_most: 1000}
      award: {type: points bonus, at_least: 10, at_most: 500, required: true}
    line: {item: text}
  review: {}
products: [deposit]
"""
REST = """\
versions:
  - version: 1
    metrics:
      spend: {of: purchase, sum: event.amount, window: month}
      days: {of: purchase, count: days, window: month}
      reviews: {of: review, count: events}
"""


def cases() -> list[tuple[str, str, str]]:
    """Code with severity, what the case shows, and its text."""
    found = []
    for block in re.split(r"^=== ", CASES, flags=re.MULTILINE)[1:]:
        title, _, text = block.partition("\n")
        code, _, shows = title.partition(": ")
        found.append((code.strip(), shows.strip(), text))
    return found


def whole(text: str) -> str:
    """The text of a case with what it leaves out."""
    if "program: p\n" in text:
        return text
    if not re.search(r"^§?units:", text, re.MULTILINE):
        text = (
            COMMON + text if re.search(r"^versions:", text, re.MULTILINE) else COMMON + REST + text
        )
    return HEAD + text


def side(text: str, wrong: bool) -> str:
    return re.sub(r"⟦(.*?)¦(.*?)⟧", lambda m: m[1] if wrong else m[2], text, flags=re.DOTALL)


def judged(text: str) -> tuple[Finding, ...]:
    try:
        return findings(parse_document(text, "p.yaml"))
    except ProgramError as error:
        return error.findings


@pytest.mark.parametrize(
    ("code", "text"),
    [pytest.param(code, text, id=f"{code.split()[0]}: {shows}") for code, shows, text in cases()],
)
def test_a_finding_and_its_neighbour(code: str, text: str) -> None:
    code, _, severity = code.partition(" ")
    marked = side(whole(text), wrong=True)
    before = marked[: marked.index("§")]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    found = judged(marked.replace("§", ""))
    said = [each for each in found if each.code == code]
    assert [(each.line, each.column) for each in said] == [place], found
    assert said[0].severity == (severity or "error")
    assert {each.code for each in found} == {code}, found
    assert not judged(side(whole(text), wrong=False).replace("§", ""))


def test_every_code_of_the_family_has_a_case_or_a_test_elsewhere() -> None:
    shown = {code.partition(" ")[0] for code, _, _ in cases()}
    known = {code for code, (family, _) in CODES.items() if family == "program"}
    elsewhere = {code for code in known if code.split("-")[0] in ("story", "mapping", "expression")}
    missing = known - shown - elsewhere - {
        "program-file-encoding", "program-file-unreadable", "program-too-deep",
        "program-too-large", "program-not-a-mapping",
        "program-published",  # found by the service, which knows what was published
    }  # fmt: skip
    assert not missing, sorted(missing)


def test_errors_carry_the_warnings_along() -> None:
    text = side(whole(CASES_BY_CODE["event-type-unread"]), wrong=True).replace("§", "")
    warned = parse_document(text, "p.yaml")
    assert check(warned).name == "p"
    assert [each.severity for each in findings(warned)] == ["warning"]
    broken = parse_document(text.replace("{version: 1,", "{version: 1, expires: soon,"), "p.yaml")
    with pytest.raises(ProgramError) as caught:
        check(broken)
    assert {each.code for each in caught.value.findings} == {"program-value", "event-type-unread"}


def test_all_findings_come_in_one_run_in_the_order_of_the_file() -> None:
    text = HEAD + COMMON + REST + (
        "    rules:\n"
        "      a: {on: purchase, unit: bonus, when: event.amont > 1, give: {rate: 1/7%}}\n"
        "      b: {on: bought, unit: bonus, give: {rate: 4%}}\n"
        "    caps:\n"
        "      c: {rules: [z], at_most: 10}\n"
    ).replace("1/7%", "4%")  # fmt: skip
    found = judged(text)
    assert [each.code for each in found] == [
        "expression-unknown-name", "name-unknown", "name-unknown",
    ]  # fmt: skip
    assert [each.line for each in found] == sorted(each.line for each in found)
    assert all(each.expected or each.hint for each in found)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "programs").glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_our_own_programs_have_no_errors(path: Path) -> None:
    assert not [each for each in findings(load_document(path)) if each.severity == "error"]


CASES_BY_CODE = {code.partition(" ")[0]: text for code, _, text in cases()}
