"""The OpenAPI 3.1 document, made from the table of routes: `make docs` prints it.

python -m laurels.web.api.openapi > docs/openapi.json
"""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from laurels import __version__
from laurels.base.errors import CODES
from laurels.service.permissions import PERMISSIONS
from laurels.web.api import documents as D
from laurels.web.api.problems import MEDIA_TYPE, status_of, type_of
from laurels.web.api.routes import ENDPOINTS, Endpoint

Json = dict[str, Any]

ALWAYS = frozenset({400, 401, 403, 406, 422, 429, 500, 503})
WITH_BODY = frozenset({413, 415})
STATUSES = {
    400: "The request cannot be read",
    401: "No access key, or a wrong one",
    403: "The key may not do this",
    404: "There is no such thing",
    405: "Not with this method",
    406: "Nothing that is accepted is offered",
    409: "It contradicts what is there",
    413: "Too large",
    415: "A body of the wrong kind",
    422: "What was sent is wrong",
    429: "More than the key may send",
    500: "Laurels did something wrong",
    503: "Not now: send the same again",
}
HEADERS: dict[str, Json] = {
    "X-Request-Id": {
        "description": "The id of the request; the log has it too.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "RateLimit": {
        "description": "What the key may still send, and when it may send everything again.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "What the key may send at once, and in how many seconds that comes back.",
        "schema": {"type": "string"},
    },
}
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
LINK = {"description": "RFC 8288: `first`, and `next` if there is one.",
        "schema": {"type": "string"}}  # fmt: skip


@cache
def document() -> Json:
    """The whole document."""
    models = {each.answer for each in ENDPOINTS} | {D.Problem}
    models |= {each.body for each in ENDPOINTS if isinstance(each.body, type)}
    named = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in named], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Laurels",
            "version": __version__,
            "summary": "A loyalty program engine.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in ENDPOINTS)]
        + [{"name": "operations"}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access key: `ll_…`, or `lt_…` for a sandbox.",
                }
            },
            "headers": HEADERS,
            "responses": {f"Problem{status}": _problem(status) for status in STATUSES},
            "schemas": _tidied(schemas["$defs"]),
        },
    }


DESCRIPTION = """\
Points and money are decimal text. Instants are RFC 3339. Every write has an identity (program,
source, id): sent again with the same body it is answered as the first time; with another body it
is a conflict. What the rules refuse is an answer with `status: refused`, not a problem.
Answers may gain fields: skip what you do not know. The contract in words: docs/http.md.
"""


def _paths() -> Json:
    paths: Json = {}
    for endpoint in ENDPOINTS:
        methods = paths.setdefault(endpoint.path, {})
        methods[endpoint.method.lower()] = _operation(endpoint, endpoint.path)
    for name, summary in OPERATIONS.items():
        media_type = "text/plain" if name == "metrics" else "application/json"
        schema: Json = {"type": "string"} if name == "metrics" else {"type": "object"}
        responses: Json = {
            "200": {"description": "It does.", "content": {media_type: {"schema": schema}}}
        }
        if name == "ready":
            responses["503"] = {"$ref": "#/components/responses/Problem503"}
        paths[f"/{name}"] = {
            "get": {
                "operationId": name,
                "summary": summary,
                "tags": ["operations"],
                "security": [],
                "responses": responses,
            }
        }
    return paths


OPERATIONS = {
    "health": "Whether the process answers",
    "ready": "Whether it can work: every database answers",
    "metrics": "Counts, for Prometheus",
}


def _operation(endpoint: Endpoint, path: str) -> Json:
    said = inspect.cleandoc(endpoint.handler.__doc__ or "")
    summary, _, rest = said.partition("\n")
    roles = ", ".join(sorted(PERMISSIONS[endpoint.command]))
    operation: Json = {
        "operationId": endpoint.command,
        "summary": summary.removesuffix("."),
        "description": f"{rest.strip()}\n\nRoles: {roles}.".strip(),
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint, path),
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _body(endpoint)}
    return operation


def _parameters(endpoint: Endpoint, path: str) -> list[Json]:
    found: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH[name],
            "schema": {"type": "string", "minLength": 1, "maxLength": 600},
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    found += [
        {
            "name": each.name,
            "in": "query",
            "required": each.required,
            "description": each.description,
            "schema": each.schema,
        }
        for each in endpoint.parameters
    ]
    if endpoint.writes:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The id, where the body has none: quoted, or bare.",
                "schema": {"type": "string"},
            }
        )  # fmt: skip
    return found


PATH = {
    "program": "The name of a program.",
    "member": "A member's id, or one of its identities: card:…, phone:…, email:….",
    "source": "Where an event comes from.",
    "event": "The id of an event.",
    "hold": "The id of a hold: that of the event that placed it.",
    "posting": "The id of a posting; its slashes quoted as %2F.",
    "correction": "The id of a correction.",
    "webhook": "The name of an endpoint.",
}


def _body(endpoint: Endpoint) -> Json:
    if isinstance(endpoint.body, tuple):
        return {each: {"schema": {"type": "string"}} for each in endpoint.body}
    assert endpoint.body is not None
    content: Json = {"schema": _ref(endpoint.body)}
    examples = EXAMPLES.get(endpoint.command)
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": content}


def _responses(endpoint: Endpoint) -> Json:
    content: Json = {"application/json": {"schema": _ref(endpoint.answer)}}
    if endpoint.command == "read_ledger":
        content["text/csv"] = {"schema": {"type": "string"}}
    headers: Json = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    if {"cursor", "after"} & {each.name for each in endpoint.parameters}:
        headers |= {"Link": LINK}
    found: Json = {"200": {"description": "It is so.", "headers": headers, "content": content}}
    statuses = ALWAYS | endpoint.also | (WITH_BODY if endpoint.body else frozenset())
    for status in sorted(statuses):
        found[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return found


def _problem(status: int) -> Json:
    """Every problem of a status, with its codes."""
    codes = [
        code
        for code, (family, _) in sorted(CODES.items())
        if status_of(code) == status and family in ("request", "unavailable", "fault")
    ]
    headers: Json = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in (429, 503):
        headers |= {"Retry-After": RETRY_AFTER}
    listed = "".join(f"\n- `{code}`: {CODES[code][1]}" for code in codes)
    also = "\n- any code of a wrong program, with its findings" if status == 422 else ""
    return {
        "description": f"{STATUSES[status]}.\n{listed}{also}",
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": _ref(D.Problem), "examples": _example(codes)}},
    }


def _example(codes: list[str]) -> Json:
    return {
        code: {
            "value": {
                "type": type_of(code),
                "title": CODES[code][1].removesuffix("."),
                "status": status_of(code),
                "detail": "…",
                "code": code,
            }
        }
        for code in codes[:1]
    }


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _tidied(tree: Any) -> Any:
    """Schemas without titles that only repeat names, and without null defaults."""
    if isinstance(tree, dict):
        return {
            key: _tidied(each)
            for key, each in tree.items()
            if not (key == "title" and isinstance(each, str))
            and not (key == "default" and each is None)
        }
    return [_tidied(each) for each in tree] if isinstance(tree, list) else tree


AT = {"occurred_at": "2025-03-01T12:00:00Z"}
PURCHASE = {
    "id": "receipt-0001",
    "type": "purchase",
    "member": "anna",
    "occurred_at": "2025-03-01T12:00:00Z",
    "amount": "480.00",
}
EXAMPLES: dict[str, dict[str, Json]] = {
    "send_events": {
        "one": PURCHASE,
        "many": {"events": [PURCHASE], "control": {"count": 1, "sum": "480.00"}},
    },
    "quote": {"basket": PURCHASE},
    "place_hold": {"hold": {"id": "hold-0001", **AT, "member": "anna", "points": "100"}},
    "capture_hold": {"all": {"id": "c-1", **AT}, "part": {"id": "c-2", **AT, "points": "60"}},
    "void_hold": {"all": {"id": "void-0001", **AT}},
    "adjust": {
        "goodwill": {"id": "case-17", **AT, "member": "anna", "direction": "credit", "points": "50",
                     "reason": "A late delivery"},
    },
    "transfer": {"gift": {"id": "gift-1", **AT, "member": "anna", "to": "berta", "points": "100"}},
    "move_clock": {"a month on": {"now": "2025-04-01T00:00:00Z"}},
}  # fmt: skip


def printed() -> str:
    """The document as docs/openapi.json holds it."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    print(printed(), end="")
