"""What the CEL parser and checker say, in the words of a program's author.

The library reports `ERROR: <input>:line:column: message`, one or more, in one text. Its columns
count characters, as ours do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from laurels.program.expr import errors
from laurels.program.expr.errors import Problem

SIGNATURES: Mapping[str, str] = {
    "money": "money('300.00')",
    "points": "points('unit', '10')",
    "at_least": "at_least(level.<ladder>, '<level>')",
    "min": "min(a, b)",
    "max": "max(a, b)",
    "timestamp": "timestamp('2025-03-01T00:00:00+05:00')",
    "startsWith": "event.<name>.startsWith('…')",
    "endsWith": "event.<name>.endsWith('…')",
    "contains": "event.<name>.contains('…')",
}
"""Every function that an expression may call, as it is written."""

_MESSAGE = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '(.*)' \(in container")
_OVERLOAD = re.compile(r"found no matching overload for '(.*)' applied to '(.*)'")
_OPERATORS = {"@in": "in", "_[_]": "[]", "!_": "!", "-_": "-", "_?_:_": "?:"}
_WORDS = {"and": "&&", "or": "||", "not": "!", "=": "==", "<>": "!=", "if": "condition ? a : b"}
_SYNTAX = "names, numbers, 'strings', && || ! == != < <= > >= in + - * / % ?: and functions"


def problems(refusal: str, text: str, names: Mapping[str, object]) -> Iterator[Problem]:
    """The problems that the library's refusal of `text` lists, at least one."""
    found = _MESSAGE.findall(refusal)
    if not found:
        deep = "recursion limit" in refusal
        message = "the expression is nested too deeply" if deep else "the expression is not CEL"
        hint = "split it into several rules or metrics" if deep else ""
        yield errors.problem(errors.SYNTAX, message, text, 0, hint=hint)
    for line, column, message in found:
        offset = errors.offset_of(text, int(line), int(column))
        yield _problem(message.removesuffix(" [INVALID_ARGUMENT]"), text, offset, names)


def start_of(name: str, text: str, offset: int) -> int:
    """Where a name begins: the library points at its last dot, or at a call's bracket."""
    for start in range(offset, max(-1, offset - len(name) - 8), -1):
        if text.startswith(name, start) and not text[start + len(name) : offset].strip():
            return start
    return offset


def _problem(message: str, text: str, offset: int, names: Mapping[str, object]) -> Problem:
    if undeclared := _UNDECLARED.match(message):
        return _undeclared(undeclared[1], text, offset, names)
    if overload := _OVERLOAD.match(message):
        return _overload(overload[1], overload[2], text, offset)
    if message.startswith(("Syntax error: ", "reserved identifier")):
        return _syntax(message.removeprefix("Syntax error: "), text, offset)
    return errors.problem(errors.TYPE, message, text, offset)


def _syntax(message: str, text: str, offset: int) -> Problem:
    plain = re.sub(r" expecting .*", "", message)
    if "mismatched input '<EOF>'" in plain:
        plain = "the expression ends too early"
    # The word itself, or the one before it: `not held.loan` stumbles over `held`.
    here = re.match(r"[A-Za-z]+|=|<>", text[offset:])
    before = re.search(r"([A-Za-z]+|<)\s*$", text[:offset])
    words = [match[0].strip().lower() for match in (here, before) if match]
    hint = next((f"write {_WORDS[word]}" for word in words if word in _WORDS), "")
    return errors.problem(errors.SYNTAX, plain, text, offset, expected=_SYNTAX, hint=hint)


def _undeclared(name: str, text: str, offset: int, names: Mapping[str, object]) -> Problem:
    start = start_of(name, text, offset)
    if text[start + len(name) :].lstrip().startswith("("):
        return _function(name, text, start)
    family = [each for each in sorted(names) if each.split(".")[0] == name.split(".")[0]]
    return errors.problem(
        errors.UNKNOWN_NAME,
        f"unknown name '{name}'",
        text,
        start,
        expected=f"one of {', '.join(family)}" if family else "a declared name",
        hint=errors.did_you_mean(name, names),
    )


def _function(name: str, text: str, start: int) -> Problem:
    if name in SIGNATURES:
        message = f"'{name}' does not take these arguments"
        return errors.problem(errors.TYPE, message, text, start, expected=SIGNATURES[name])
    return errors.problem(
        errors.NOT_ALLOWED,
        f"unknown function '{name}'",
        text,
        start,
        expected=", ".join(SIGNATURES),
        hint=errors.did_you_mean(name, SIGNATURES),
    )


def _overload(function: str, types: str, text: str, offset: int) -> Problem:
    given = types.strip("()").replace("google.protobuf.Timestamp", "instant")
    given = given.replace("timestamp", "instant")
    if function in SIGNATURES:
        start = start_of(function, text, offset)
        message = f"'{function}' does not take ({given})"
        return errors.problem(errors.TYPE, message, text, start, expected=SIGNATURES[function])
    operator = _OPERATORS.get(function, function.strip("_"))
    return errors.problem(
        errors.TYPE,
        f"'{operator}' does not go with ({given})",
        text,
        offset,
        expected=_operands(operator),
        hint=_type_hint(given),
    )


def _operands(operator: str) -> str:
    if operator in ("&&", "||", "!"):
        return "conditions (true or false)"
    if operator == "in":
        return "a value and a list of values, like ['a', 'b']"
    return "two values of one type" if operator in ("==", "!=") else "values that it can join"


def _type_hint(given: str) -> str:
    if "double" in given:
        return "numbers are whole; write amounts as money('1.50') or points('unit', '1.5')"
    if "instant" in given and "string" in given:
        return f"write {SIGNATURES['timestamp']}"
    if "int" in given and "string" in given:
        return "write numbers without quotes, amounts as money('300') or points('unit', '10')"
    return ""
