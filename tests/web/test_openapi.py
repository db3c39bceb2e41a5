"""The OpenAPI document: current, complete, and true to the permissions."""

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema_rs

from laurels.base.errors import CODES
from laurels.service.permissions import PERMISSIONS
from laurels.web.api.openapi import document, printed
from laurels.web.api.problems import status_of
from laurels.web.api.routes import ENDPOINTS

ROOT = Path(__file__).parent.parent.parent


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_the_one_that_is_kept() -> None:
    kept = (ROOT / "docs" / "openapi.json").read_text("utf-8")
    assert kept == printed(), "run `make docs`"


def test_every_operation_has_a_name_of_its_own_and_words() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations())


def test_every_reference_leads_somewhere() -> None:
    def walk(tree: Any) -> list[str]:
        if isinstance(tree, dict):
            own = [tree["$ref"]] if isinstance(tree.get("$ref"), str) else []
            return own + [each for value in tree.values() for each in walk(value)]
        return [each for value in tree for each in walk(value)] if isinstance(tree, list) else []

    for reference in walk(document()):
        found: Any = document()
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_status_that_a_code_can_have_is_declared_with_the_code() -> None:
    responses = document()["components"]["responses"]
    for code, (family, _) in CODES.items():
        if family in ("request", "unavailable", "fault"):
            assert f"`{code}`" in responses[f"Problem{status_of(code)}"]["description"]


def test_schemas_are_json_schemas_and_examples_fit_them() -> None:
    whole = document()
    for schema in whole["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "components": whole["components"]})
    for _, path, operation in operations():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**content["schema"], "components": whole["components"]}
            for example in content.get("examples", {}).values():
                assert jsonschema_rs.is_valid(schema, example["value"]), path


def test_amounts_are_text() -> None:
    def numbers(tree: Any, path: str = "") -> list[str]:
        if isinstance(tree, dict):
            own = [path] if tree.get("type") == "number" else []
            return own + [
                each for key, value in tree.items() for each in numbers(value, f"{path}/{key}")
            ]
        return []

    assert numbers(document()["components"]["schemas"]) == []


def test_every_route_has_a_permission_and_every_permission_a_use() -> None:
    commands = [each.command for each in ENDPOINTS]
    assert len(commands) == len(set(commands))
    assert set(commands) <= PERMISSIONS.keys()


def test_the_page_shows_the_table_of_permissions() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "http_page.py"))["page"]
    kept = (ROOT / "docs" / "http.md").read_text("utf-8")
    assert kept == page(kept), "run `make docs`"


def test_the_document_is_json_that_any_reader_reads() -> None:
    assert json.loads(printed()) == document()
