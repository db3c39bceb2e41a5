"""One value of a program changed by its path: ``ladders.category.c3.spend=200000``.

    open_program("program.yaml@2")                    a document, or one version of it
    change(document, ["rules.base.give.rate=5%"])     the document as if the file said so
    paths_of(document)                                every path that has a value

A path names keys from the outside in. What stands in every version (rules, ladders, caps …) is
that of the last version; ``versions.1.`` in front names another by its number, ``versions.*.``
means all. ``levels`` of a ladder may be left out, and so may the offer of a rule or cap. A name
with a point in it stands in quotation marks. An empty value removes the key.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from laurels.base.errors import RequestError
from laurels.program import model
from laurels.program.form import KeyPath
from laurels.program.loader import Document, document_of, flow_values, load_document

VERSION = re.compile(r"(.+)@([0-9]{1,9})")
PART = re.compile(r'"([^"]*)"|([^."]+)')
EXPECTED = "a path such as rules.base.give.rate, then = and a value"


@dataclass(frozen=True)
class Setting:
    """A path as it was written, and the text of its new value; empty: the key is removed."""

    path: str
    value: str

    def __str__(self) -> str:
        return f"--set {self.path}={self.value}"


def setting(text: str) -> Setting:
    """Read ``path=value``. Raises RequestError."""
    path, sign, value = text.partition("=")
    if not sign or not path.strip():
        raise RequestError(
            "setting-form", f"`{text[:80]}` is no setting", where="--set", expected=EXPECTED
        )
    return Setting(path.strip(), value.strip())


def open_program(name: str) -> Document:
    """A program file; `program.yaml@2` is its version 2 alone, in force since ever.

    Raises ProgramError, and RequestError for a version that it has not.
    """
    match = VERSION.fullmatch(name)
    if match is None or Path(name).exists():
        return load_document(name)
    return only_version(load_document(match[1]), int(match[2]))


def change(document: Document, settings: Iterable[str | Setting]) -> Document:
    """The document with values changed, one setting after the other.

    Raises RequestError for a path that is not there, ProgramError where a value has not the form
    that belongs there; what it means is for ``check`` to say, as of any document.
    """
    for each in settings:
        document = _changed(document, setting(each) if isinstance(each, str) else each)
    return document


def only_version(document: Document, number: int) -> Document:
    """The document with one of its versions alone, in force and known since ever. Raises
    RequestError when it has no such version."""
    index = _index_of(document.program, str(number), f"@{number}")
    values = copy.copy(document.values)
    gone = ("effective_from", "published_at", "migrate")
    version = {key: each for key, each in values["versions"][index].items() if key not in gone}
    values["versions"] = [version]
    places = {
        (("versions", 0, *path[2:]) if path[:2] == ("versions", index) else path): place
        for path, place in document.places.items()
        if path[:1] != ("versions",) or len(path) < 2 or path[1] == index
    }
    return document_of(values, document.file, document.text, places, {})


def _changed(document: Document, given: Setting) -> Document:
    value = _value(given)
    values = copy.deepcopy(document.values)
    changed = dict(document.changed)
    for path in resolve(document, given):
        _put(values, path, value, given)
        changed[path] = str(given)
    return document_of(values, document.file, document.text, document.places, changed)


def _value(given: Setting) -> Any:
    """The new value: a text as it is; a list or mapping where it begins like one."""
    if given.value.startswith(("[", "{")):
        return flow_values(given.value, str(given))
    return given.value


def _put(values: Any, path: KeyPath, value: Any, given: Setting) -> None:
    """Put a value where it belongs, with the mappings on the way that the file left out."""
    for part in path[:-1]:
        if isinstance(part, str) and values.get(part) is None:
            values[part] = {}
        values = values[part]
        if not isinstance(values, dict | list):
            raise RequestError(
                "setting-unknown", f"`{part}` is `{values}`, not a mapping", where=str(given),
                expected="a path whose parts have names, or the whole of it as {key: value}",
            )  # fmt: skip
    if value == "":
        if isinstance(path[-1], int) or values.pop(path[-1], None) is None:
            raise RequestError(
                "setting-unknown", "there is nothing to remove", where=str(given),
                expected="a key that stands in the file",
            )  # fmt: skip
        return
    values[path[-1]] = value


# -- from a path as it is written to the keys of the file --------------------------------------


def resolve(document: Document, given: Setting) -> list[KeyPath]:
    """The places in the file that a setting means; several only for ``versions.*``.

    Raises RequestError, with the nearest path that there is, when nothing stands there.
    """
    parts = [quoted or plain for quoted, plain in PART.findall(given.path)]
    program = document.program
    if parts[:1] == ["versions"] and len(parts) > 1:
        if parts[1] == "*":
            chosen = list(range(len(program.versions)))
        else:
            chosen = [_index_of(program, parts[1], str(given))]
        rest = parts[2:]
    elif parts and parts[0] in keys_of(model.Version):
        chosen, rest = [len(program.versions) - 1], parts
    else:
        chosen, rest = [], parts
    if not rest:
        raise _unknown(document, given, "", keys_of(model.Version))
    if not chosen:
        return [_Walk(document, given, {}).through(model.Program, document.values, (), rest)]
    found, wrong = [], []
    for index in chosen:
        version = document.values["versions"][index]
        walk = _Walk(document, given, version)
        inner = _through_offer(version, rest)
        try:
            found.append(walk.through(model.Version, version, ("versions", index), inner))
        except RequestError as error:
            wrong.append(error)  # of all versions, those that have it
    if not found:
        raise wrong[0]
    return found


def _through_offer(version: Any, parts: Sequence[str]) -> Sequence[str]:
    """A rule or cap of an offer goes by its own name: rules have one name in a version."""
    if len(parts) < 2 or parts[0] not in ("rules", "caps"):
        return parts
    kind, name = parts[:2]
    if name in (version.get(kind) or {}):
        return parts
    offers = version.get("offers") or {}
    owners = [key for key, offer in offers.items() if name in (offer.get(kind) or {})]
    return ["offers", owners[0], *parts] if len(owners) == 1 else parts


def _index_of(program: model.Program, number: str, where: str) -> int:
    known = [str(each.version) for each in program.versions]
    if number not in known:
        raise RequestError(
            "version-unknown", f"there is no version {number}", where=where,
            expected="one of " + ", ".join(known),
        )  # fmt: skip
    return known.index(number)


def keys_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The keys of a part of the document, as the file writes them, and what may stand there."""
    return {info.alias or name: info.annotation for name, info in kind.model_fields.items()}


class _Walk:
    """One path on its way inwards, along the model and the values of the file at once."""

    def __init__(self, document: Document, given: Setting, version: Any) -> None:
        self.document = document
        self.given = given
        self.version = version

    def through(self, kind: Any, value: Any, at: KeyPath, parts: Sequence[str]) -> KeyPath:
        """The whole path, ``parts`` being still to go."""
        if not parts:
            return at
        part, rest = parts[0], parts[1:]
        for name, inner in self.choices(kind, value, part):
            below: Any = value
            for step in name:
                below = below.get(step) if isinstance(below, dict) else None
            return self.through(inner, below, (*at, *name), rest)
        if not rest and self.may_be_new(kind, value):
            return (*at, part)
        known = self.known(kind, value)
        if kind is model.Program:
            known += keys_of(model.Version)
        raise _unknown(self.document, self.given, part, known)

    def choices(self, kind: Any, value: Any, part: str) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Where a part of a path leads: the keys to take, and what stands behind them."""
        doc, entry, table = _shapes(kind)
        here = value if isinstance(value, dict) else {}
        if doc is not None:
            keys = keys_of(doc)
            if part in keys:
                yield (part,), keys[part]
            if doc is model.Ladder and part in (here.get("levels") or {}):
                yield ("levels", part), model.Level
            if doc is model.Level and part in self.thresholds():
                yield (part,), str
        elif entry is not None and part in here:
            yield (part,), entry
        elif table and part in here:
            yield (part,), str

    def may_be_new(self, kind: Any, value: Any) -> bool:
        """Whether a name that the file does not have may be put there: a whole part, an
        attribute, an entry of a table."""
        doc, entry, table = _shapes(kind)
        if doc is not None:
            return False
        if entry is not None:
            whole = self.given.value.startswith("{")
            return whole or _shapes(entry)[0] is model.Attribute
        return table and isinstance(value, dict)

    def thresholds(self) -> set[str]:
        """What a level may ask for: metrics of the version, and the ladder's sum."""
        return {*(self.version.get("metrics") or {}), "sum"}

    def known(self, kind: Any, value: Any) -> list[str]:
        """What could have stood there."""
        doc, _, _ = _shapes(kind)
        here = list(value) if isinstance(value, dict) else []
        if doc is None:
            return here
        if doc is model.Level:
            here += sorted(self.thresholds())
        if doc is model.Ladder and isinstance(value, dict):
            here += list(value.get("levels") or {})
        return list(dict.fromkeys([*here, *keys_of(doc)]))


def _shapes(annotation: Any) -> tuple[type[BaseModel] | None, Any, bool]:
    """What may stand behind a key: a part of the document; entries of a mapping with names; a
    table of values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, None, False
    if get_origin(annotation) is dict:
        inner = get_args(annotation)[1]
        if inner is str:
            return None, None, True
        return None, inner, False
    for inner in get_args(annotation):
        found = _shapes(inner)
        if found != (None, None, False):
            return found
    return None, None, False


# -- every path that there is ------------------------------------------------------------------


def paths_of(document: Document) -> list[str]:
    """Every path of the file that has a value, as a setting names it."""
    numbers = [each.version for each in document.program.versions]
    return [path_text(path, numbers) for path in _leaves(document.values, ())]


def path_text(path: KeyPath, numbers: Sequence[int]) -> str:
    """A place in the file as a setting names it; ``numbers``: those of the versions."""
    parts: list[str] = []
    if path[:1] == ("versions",) and len(path) > 1:
        index = int(path[1])
        if index != len(numbers) - 1:
            parts = ["versions", str(numbers[index])]
        path = path[2:]
        if path[:1] == ("ladders",) and path[2:3] == ("levels",):
            path = (*path[:2], *path[3:])
    parts += [str(part) for part in path]
    return ".".join(f'"{part}"' if "." in part else part for part in parts)


def _leaves(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif path == ("versions",):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, index))
    else:
        yield path


def _unknown(document: Document, given: Setting, part: str, known: Iterable[str]) -> RequestError:
    """Nothing of that name stands there."""
    names = list(known)
    what = f"there is no `{part}` here" if part else "this names a version, not a part of it"
    return RequestError(
        "setting-unknown", what, where=str(given),
        expected="one of " + ", ".join(names[:24]) if names else "a path that ends before it",
        hint=_nearest(document, given.path, part, names) if part else "",
    )  # fmt: skip


def _nearest(document: Document, path: str, part: str, known: Sequence[str]) -> str:
    """The nearest path that there is, as a question."""
    every = paths_of(document)
    ending = [each for each in every if each.endswith(f".{path}")]
    inside = [each for each in every if all(p in each.split(".") for p in path.split("."))]
    close = difflib.get_close_matches(part, known, 1)
    if close and not ending:
        found = path.replace(part, close[0], 1)
    else:
        near = ending or inside or difflib.get_close_matches(path, every, 1, 0.5)
        found = near[0] if near else ""
    return f"did you mean `{found}`?" if found else ""
