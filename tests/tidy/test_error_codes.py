"""Error codes: one table, one page, and nothing in the sources that the table does not have."""

import ast
import re
import runpy
from pathlib import Path

from laurels.base.errors import CODES

ROOT = Path(__file__).parent.parent.parent
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Where the code stands in a call that makes a finding about a program.
POSITION = {"Finding": 1, "finding": 1, "wrong": 1, "odd": 1}
FAMILY_OF = {"RequestError": "request", "Refusal": "refused", "Unavailable": "unavailable"}


def used_codes() -> list[tuple[str, str, str]]:
    """(place, family or '', code) wherever an error is made with its code written out."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            position = {**POSITION, **dict.fromkeys(FAMILY_OF, 0)}.get(name)
            if position is None:
                continue
            by_name = [word.value for word in node.keywords if word.arg == "code"]
            argument = (by_name or node.args[position : position + 1] or [None])[0]
            if isinstance(argument, ast.Constant) and CODE.fullmatch(str(argument.value)):
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                family = FAMILY_OF.get(name, "program")
                found.append((place, family, argument.value))
    return found


def test_the_page_of_error_codes_is_printed_from_the_table() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "errors_page.py"))["page"]()
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == page, "run `make docs`"


def test_codes_are_kebab_case_and_have_a_meaning() -> None:
    odd = [
        code
        for code, (_, meaning) in CODES.items()
        if not CODE.fullmatch(code) or not meaning.endswith(".")
    ]
    assert not odd


def test_codes_used_in_the_sources_are_in_the_table() -> None:
    unknown = [
        f"{place}: {code} ({family})"
        for place, family, code in used_codes()
        if CODES.get(code, ("", ""))[0] != family
    ]
    assert not unknown, "\n".join(unknown)
