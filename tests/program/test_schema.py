"""The schema and the reference follow the model, and every program of ours fits the schema."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from laurels.program.schema import json_schema, parts

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = sorted((ROOT / "programs").glob("*/*.yaml"))
SCHEMA = json_schema()
KINDS: dict[str, Any] = {
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "null": lambda v: v is None,
}


class Core(yaml.SafeLoader):
    """YAML as editors read it (1.2): dates are text, and so is `on`."""


Core.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in pairs
        if not tag.endswith("timestamp") and (not tag.endswith("bool") or first in "tTfF")
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def faults(value: Any, node: dict[str, Any], at: str = "") -> list[str]:
    """What of the JSON Schema keywords that ours uses does not hold."""
    if "$ref" in node:
        return faults(value, SCHEMA["$defs"][node["$ref"].rpartition("/")[2]], at)
    if "anyOf" in node:
        tries = [faults(value, each, at) for each in node["anyOf"]]
        return [] if any(not each for each in tries) else min(tries, key=len)
    kinds = node.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(KINDS[kind](value) for kind in kinds):
        return [f"{at}: {value!r} is no {kinds}"]
    found = []
    if "enum" in node and value not in node["enum"] or "const" in node and value != node["const"]:
        found.append(f"{at}: {value!r}")
    if isinstance(value, str) and "pattern" in node and not re.search(node["pattern"], value):
        found.append(f"{at}: {value!r} has another form")
    if isinstance(value, int) and value < node.get("minimum", value):
        found.append(f"{at}: {value!r} is too small")
    if isinstance(value, list):
        for index, each in enumerate(value):
            found += faults(each, node.get("items", {}), f"{at}[{index}]")
    if isinstance(value, dict):
        found += [f"{at}: no {key}" for key in node.get("required", []) if key not in value]
        for key, each in value.items():
            found += faults_of_key(key, each, node, f"{at}.{key}")
    return found


def faults_of_key(key: str, value: Any, node: dict[str, Any], at: str) -> list[str]:
    if key in node.get("properties", {}):
        return faults(value, node["properties"][key], at)
    for pattern, inner in node.get("patternProperties", {}).items():
        if re.search(pattern, key):
            return faults(value, inner, at)
    more = node.get("additionalProperties", True)
    if isinstance(more, dict):
        return faults(value, more, at)
    return [] if more else [f"{at}: unknown"]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_program_fits_the_schema(path: Path) -> None:
    assert not faults(yaml.load(path.read_text("utf-8"), Loader=Core), SCHEMA)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"zome": "UTC"}, ".zome"),
        ({"currency": "tenge"}, ".currency"),
        ({"units": {"Bonus": {}}}, ".units.Bonus"),
        ({"versions": [{"version": 0}]}, ".versions[0].version"),
        ({"versions": [{"version": 1, "rules": {"a": {"on": "x"}}}]}, "no give"),
    ],
)
def test_what_does_not_fit_is_seen(change: dict[str, Any], what: str) -> None:
    tree = yaml.load(PROGRAMS[0].read_text("utf-8"), Loader=Core) | change
    found = faults(tree, SCHEMA)
    assert what in "".join(found)


def test_the_schema_says_what_it_is() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"]
    assert SCHEMA["description"]


def test_every_key_has_a_description() -> None:
    assert not [(part.title, key.name) for part in parts() for key in part.keys
                if not key.description or not key.type]  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "file"),
    [
        ("program_schema.py", "program.schema.json"),
        ("program_reference.py", "program-reference.md"),
    ],
)
def test_the_pages_are_printed_from_the_model(tool: str, file: str) -> None:
    page = runpy.run_path(str(ROOT / "tools" / tool))["page"]()
    assert (ROOT / "docs" / file).read_text("utf-8") == page, "run `make docs`"


def test_the_schema_is_json() -> None:
    assert json.loads((ROOT / "docs" / "program.schema.json").read_text("utf-8")) == SCHEMA
