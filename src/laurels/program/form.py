"""What is wrong with the form of a program file: unknown and missing keys, values that do not fit.

Pydantic finds it; here it is put into the words of the file, once for each place.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from laurels.program.model import Program

KEY = -1
"""At the end of a path: the key itself, not its value."""

KeyPath = tuple[str | int, ...]


class Mistake(NamedTuple):
    """What is wrong with the form of one part, and where: a path in the file."""

    path: KeyPath
    code: str
    message: str
    expected: str
    hint: str


def mistakes(error: ValidationError, places: Container[KeyPath]) -> Iterator[Mistake]:
    """Everything that the schema has against a file, one mistake for each part."""
    values: dict[KeyPath, list[Any]] = {}
    for problem in error.errors():
        path = _real_path(places, problem["loc"])
        name = str(problem["loc"][-1]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            yield _unknown((*path, KEY), name, _keys_at(problem["loc"]))
        elif problem["type"] == "missing":
            key = f"a key `{name}`"
            yield Mistake((*path, name), "program-key-missing", f"`{name}` is missing", key, "")
        else:
            values.setdefault(path, []).append(problem)
    for path, problems in values.items():
        inside = any(len(each) > len(path) and each[: len(path)] == path for each in values)
        if not (inside and isinstance(problems[0].get("input"), dict | list)):
            yield _misfit(path, problems)


def _unknown(path: KeyPath, name: str, known: list[str]) -> Mistake:
    close = difflib.get_close_matches(name, known, 1)
    expected = "one of " + ", ".join(sorted(known)) if known else "a known key"
    hint = f"did you mean `{close[0]}`?" if close else ""
    return Mistake(path, "program-key-unknown", f"unknown key `{name}`", expected, hint)


def _misfit(path: KeyPath, problems: list[Any]) -> Mistake:
    """A value that is none of what may stand in its place."""
    given = problems[0].get("input")
    shown = f"`{given}`" if isinstance(given, str) else _KINDS.get(type(given), "this")
    fitting = list(dict.fromkeys(filter(None, map(_expected, problems))))
    words = [word for each in problems for word in _words(each)]
    close = difflib.get_close_matches(given, words, 1) if isinstance(given, str) else []
    hint = f"did you mean `{close[0]}`?" if close else ""
    message = f"`{_dotted(path)}` cannot be {shown}"
    return Mistake(path, "program-value", message, ", or ".join(fitting), hint)


_KINDS = {dict: "a mapping", list: "a list", type(None): "empty"}


def _real_path(places: Container[KeyPath], loc: tuple[str | int, ...]) -> KeyPath:
    """The part of pydantic's location that stands in the file (it adds names of its unions)."""
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in places:
            path = (*path, part)
    return path


def _dotted(path: KeyPath) -> str:
    """A path as people say it: the first of a list is 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


_FORMS = {
    r"^[a-z][a-z0-9_]*$": "a name: small letters, digits, `_`",
    r"^[a-z][a-z0-9_-]*$": "a name: small letters, digits, `-`, `_`",
    r"^\s*[0-9]+(\.[0-9]+)?\s*$": "a number such as 300 or 0.5",
    r"^\s*[0-9]+(\.[0-9]+)?\s*(%|/\s*[0-9]+)?\s*$": "a rate such as 4%, 0.1% or 1/5",
    r"^(never|[0-9]+ (minute|hour|day|month|year)s?)$": "a term such as `24 months` or `never`",
    r"^\s*(>=|>)?\s*[0-9]+(\.[0-9]+)?\s*$": "a least value such as 25, or `> 25`",
    r"^[A-Z]{3}$": "a currency code such as KZT",
    r"^(text|money|integer|flag|date|points [a-z][a-z0-9_]*)$": (
        "text, money, integer, flag, date, or points and a unit"
    ),
}
_TYPES = {
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "too_short": "at least one",
}


def _expected(problem: Any) -> str:
    """What may stand there, as far as one problem tells."""
    context = problem.get("ctx", {})
    kind = problem["type"]
    if "pattern" in context:
        return _FORMS.get(context["pattern"], f"the form {context['pattern']}")
    if words := _words(problem):
        return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
    if kind in _TYPES:
        return _TYPES[kind]
    bounds = {"ge": "{} or more", "le": "{} or less", "max_length": "at most {} characters"}
    found = [text.format(context[key]) for key, text in bounds.items() if key in context]
    return found[0] if found else str(problem["msg"][0].lower() + problem["msg"][1:])


def _words(problem: Any) -> list[str]:
    """The words of which one must stand there."""
    if problem["type"] != "literal_error":
        return []
    text = str(problem["ctx"]["expected"]).replace(" or ", ", ")
    return [each.strip("'") for each in text.split(", ")]


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema knows where an unknown one stands."""
    model: type[BaseModel] | None = Program
    for part in loc[:-1]:
        if model is not None and isinstance(part, str):
            names = {(info.alias or key): info for key, info in model.model_fields.items()}
            if part in names:
                model = _model_in(names[part].annotation)
    if model is None:
        return []
    return [info.alias or key for key, info in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first document part named in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
