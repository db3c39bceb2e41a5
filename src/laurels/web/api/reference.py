"""The reference as pages: /docs, the document at /openapi.json, a page for each code.

Made on the server from the OpenAPI document. Nothing is loaded from elsewhere and nothing runs in
the browser, so it works where there is no line out.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from laurels.base.errors import CODES
from laurels.web.api.exchange import answer
from laurels.web.api.openapi import document, printed
from laurels.web.api.problems import TYPES, Trouble, status_of

CSP = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #8881; padding: .75rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
section { margin-top: 2.5rem; } h3 code { font-size: 1.05rem; } nav li { margin: .1rem 0; }
.method { display: inline-block; min-width: 3.5rem; font-weight: 700; }
:root { color-scheme: light dark; }
"""


def reference_routes() -> list[Route]:
    """The pages, none of which needs a key."""
    return [
        Route("/docs", _docs, name="docs"),
        Route("/docs/style.css", _style, name="style"),
        Route("/openapi.json", _document, name="openapi"),
        Route(TYPES + "{code}", _code, name="problem"),
    ]


async def _docs(request: Request) -> Response:
    request.scope["state"]["command"] = "docs"
    return _page(reference_page())


async def _style(request: Request) -> Response:
    request.scope["state"]["command"] = "docs"
    return Response(STYLE, media_type="text/css")


async def _document(request: Request) -> Response:
    request.scope["state"]["command"] = "docs"
    return Response(printed(), media_type="application/json")


async def _code(request: Request) -> Response:
    request.scope["state"]["command"] = "docs"
    code = request.path_params["code"]
    if code not in CODES:
        raise Trouble("route-unknown", "there is no such code", hint="see /docs")
    family, meaning = CODES[code]
    if "text/html" not in request.headers.get("accept", ""):
        return answer({"code": code, "family": family, "meaning": meaning})
    told = "a refusal, in an answer" if family == "refused" else f"status {status_of(code)}"
    body = f"<h1><code>{escape(code)}</code></h1><p>{escape(meaning)}</p><p>Told as {told}.</p>"
    return _page(_html(code, body + '<p><a href="/docs">The reference</a></p>'))


def _page(html: str) -> Response:
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": CSP})


@cache
def reference_page() -> str:
    """The reference as one page."""
    whole = document()
    operations = [
        (path, method, operation)
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
    ]
    out = [f"<h1>{escape(whole['info']['title'])} {escape(whole['info']['version'])}</h1>"]
    out += [_paragraphs(whole["info"]["description"])]
    out += ['<p><a href="/openapi.json">OpenAPI 3.1 document</a></p><nav><ul>']
    out += [
        f'<li><a href="#{operation["operationId"]}"><span class="method">{method.upper()}</span>'
        f"<code>{escape(path)}</code></a></li>"
        for path, method, operation in operations
    ]
    out.append("</ul></nav>")
    out += [_section(path, method, operation) for path, method, operation in operations]
    out.append("<section><h2>Shapes</h2>")
    for name, schema in whole["components"]["schemas"].items():
        out.append(f'<h3 id="schema-{escape(name)}"><code>{escape(name)}</code></h3>')
        out.append(_paragraphs(schema.get("description", "")) + _fields(schema))
    out.append("</section><section><h2>Problems</h2>")
    for name, response in whole["components"]["responses"].items():
        out.append(f'<h3 id="{name}">{name.removeprefix("Problem")}</h3>')
        out.append(_paragraphs(response["description"]))
    return _html("Laurels: HTTP", "".join(out) + "</section>")


def _section(path: str, method: str, operation: dict[str, Any]) -> str:
    out = [f'<section id="{operation["operationId"]}"><h3><span class="method">{method.upper()}']
    out.append(
        f"</span><code>{escape(path)}</code></h3><p><b>{escape(operation['summary'])}</b></p>"
    )
    out.append(_paragraphs(operation.get("description", "")))
    if operation.get("parameters"):
        out.append("<table><tr><th>Parameter<th>In<th>Type<th>Meaning</tr>")
        for each in operation["parameters"]:
            star = " (required)" if each["required"] else ""
            out.append(f"<tr><td><code>{escape(each['name'])}</code><td>{each['in']}{star}")
            out.append(f"<td>{_type(each['schema'])}<td>{escape(each['description'])}</tr>")
        out.append("</table>")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        out.append(f"<p>Body: {_type(content['schema'])} <code>{escape(media_type)}</code></p>")
        for example in content.get("examples", {}).values():
            shown = json.dumps(example["value"], indent=2, ensure_ascii=False)
            out.append(f"<pre>{escape(shown)}</pre>")
    answers = operation["responses"]["200"]["content"]
    kinds = ", ".join(f"{_type(each['schema'])} <code>{escape(media_type)}</code>"
                      for media_type, each in answers.items())  # fmt: skip
    problems = ", ".join(
        f'<a href="#Problem{status}">{status}</a>'
        for status in operation["responses"]
        if status != "200"
    )
    return "".join(out) + f"<p>Answer: {kinds}</p><p>Problems: {problems or 'none'}</p></section>"


def _fields(schema: dict[str, Any]) -> str:
    if "properties" not in schema:
        return f"<p>{_type(schema)}</p>"
    required = set(schema.get("required", ()))
    rows = [
        f"<tr><td><code>{escape(name)}</code>{' *' if name in required else ''}"
        f"<td>{_type(each)}<td>{escape(each.get('description', ''))}</tr>"
        for name, each in schema["properties"].items()
    ]
    return f"<table><tr><th>Field<th>Type<th>Meaning</tr>{''.join(rows)}</table>"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, with links to those that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            return " or ".join(_type(each) for each in schema[joined])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(json.dumps(each))}</code>" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
        return f"object of {_type(schema['additionalProperties'])}"
    pattern = f" <code>{escape(schema['pattern'])}</code>" if "pattern" in schema else ""
    kind = schema.get("type", "any")
    return escape(kind if isinstance(kind, str) else " or ".join(kind)) + pattern


def _paragraphs(text: str) -> str:
    """Plain paragraphs and lists of Markdown as HTML, with `code`."""
    out = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        items = [each[2:] for each in lines if each.startswith("- ")]
        plain = " ".join(each for each in lines if not each.startswith("- "))
        out += [f"<p>{_inline(plain)}</p>"] if plain else []
        out += (
            [f"<ul>{''.join(f'<li>{_inline(each)}</li>' for each in items)}</ul>"] if items else []
        )
    return "".join(out)


def _inline(text: str) -> str:
    parts = escape(text).split("`")
    return "".join(f"<code>{each}</code>" if at % 2 else each for at, each in enumerate(parts))


def _html(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/docs/style.css"></head>'
        f"<body>{body}</body></html>"
    )
