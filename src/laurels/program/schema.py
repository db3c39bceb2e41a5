"""The form of the program file for others: JSON Schema for editors, a list of keys for readers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from laurels.program.model import NAME, Program

Node = dict[str, Any]

FORMATS = {
    "decimal": "number",
    "rate": "rate, such as `4%` or `1/5`",
    "term": "term, such as `24 months`",
    "least": "least value, such as `25` or `> 25`",
    "instant": "date or time",
    "cel": "CEL expression",
}
SCALAR = ["string", "number", "boolean"]


def json_schema() -> Node:
    """JSON Schema (2020-12) of a program file, for completion and first checks in an editor.

    It says less than `laurels check`: names, sums and conditions are beyond it.
    """
    schema = Program.model_json_schema(by_alias=True)
    found: Node = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Laurels program",
        **_tidy(schema, top=True),
    }
    return found


def _tidy(node: Any, *, top: bool = False) -> Any:
    """Without the generator's own titles and nulls; with the short forms that the file may use."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref") == "#/$defs/Attribute":
        given = {key: value for key, value in node.items() if key != "$ref"}
        return {**given, "anyOf": _attribute_forms()}
    found: Node = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and (value is None or value == {} or isinstance(value, dict)):
            continue
        if key in ("properties", "$defs", "patternProperties"):
            found[key] = {name: _tidy(each) for name, each in value.items()}
        else:
            found[key] = _tidy(value)
    if "patternProperties" in found:
        found["additionalProperties"] = False
    if found.get("additionalProperties") == {"type": "string"}:
        found["additionalProperties"] = {"type": SCALAR}
    if found.get("items") == {"type": "string"}:
        found["items"] = {"type": SCALAR}
    if top:
        found.pop("title", None)
    return found


def _attribute_forms() -> list[Node]:
    return [
        {"$ref": "#/$defs/Attribute"},
        {
            "type": "string",
            "description": "A word is a type: `text`, `money`, `integer`, `flag`, `date`, "
            "`points <unit>`.",
        },
        {
            "type": "array",
            "items": {"type": SCALAR},
            "description": "A list is the set of values of a text.",
        },
    ]


# -- for readers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """One key of a part of the file; type, default and description in Markdown."""

    name: str
    type: str
    default: str
    description: str


@dataclass(frozen=True)
class Part:
    """A part of the file, the places at which it may stand, and its keys."""

    title: str
    description: str
    places: tuple[str, ...]
    keys: tuple[Key, ...]


def parts() -> list[Part]:
    """Every part of the file, from the outside inwards, in the order of the file."""
    schema = json_schema()
    definitions: Mapping[str, Node] = schema["$defs"]
    places: dict[str, list[str]] = {}
    waiting: list[tuple[str, Node]] = [("", schema)]
    while waiting:
        place, node = waiting.pop(0)
        for name, each in node["properties"].items():
            for suffix, target in _inside(each):
                at = f"{place}.{name}{suffix}".lstrip(".")
                if at not in places.setdefault(target, []):
                    places[target].append(at)
                    waiting.append((at, definitions[target]))
    found = [_part("Program", schema, ())]
    found += [_part(name, definitions[name], tuple(at)) for name, at in places.items()]
    return found


def _inside(node: Node, suffix: str = "") -> Iterator[tuple[str, str]]:
    """The parts that a key holds, and what is written between."""
    if "$ref" in node:
        yield suffix, node["$ref"].rpartition("/")[2]
    for each in node.get("anyOf", ()):
        yield from _inside(each, suffix)
    for each in node.get("patternProperties", {}).values():
        yield from _inside(each, suffix + ".<name>")
    if isinstance(node.get("items"), dict):
        yield from _inside(node["items"], suffix + "[]")


def _part(name: str, node: Node, places: tuple[str, ...]) -> Part:
    required = set(node.get("required", ()))
    keys = [
        Key(key, _type(each), _default(each, key in required), each.get("description", ""))
        for key, each in node["properties"].items()
    ]
    if isinstance(node.get("additionalProperties"), dict):
        least = _type(node["additionalProperties"])
        keys.append(Key("<metric>", least, "", "The least value of that metric."))
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()
    return Part(title, node.get("description", ""), places, tuple(keys))


def _default(node: Node, required: bool) -> str:
    if required:
        return "**required**"
    value = node.get("default")
    if value is None or value in ("", []):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(node: Node) -> str:
    """The type of a value, in words."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
        return f"[{words}](#{words.replace(' ', '-')})"
    if "anyOf" in node:
        kinds = [_type(each) for each in node["anyOf"] if each != {"type": "null"}]
        if kinds == ["text", "list of names"]:
            return "name, or list of names"
        return ", or ".join(dict.fromkeys(kinds))
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    if "patternProperties" in node:
        (pattern, inner), *_ = node["patternProperties"].items()
        word = "name" if pattern == NAME else "slug"
        return f"mapping of {word} to {_type(inner)}"
    if node.get("format") in FORMATS:
        return FORMATS[node["format"]]
    if node.get("type") == "object":
        return "table"
    if node.get("type") == "array":
        inner = node["items"]
        return "list of names" if inner.get("type") == SCALAR else f"list of {_type(inner)}"
    return _plain(node)


def _plain(node: Node) -> str:
    kind = node.get("type")
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "integer":
        low, high = node.get("minimum"), node.get("maximum")
        return f"{low} to {high}" if high is not None else f"whole number from {low}"
    return "name" if "pattern" in node else "text"
