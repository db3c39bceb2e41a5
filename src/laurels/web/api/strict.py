"""Bodies with a declared form: nothing is converted, nothing unknown is passed over."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from laurels.web.api.codec import kind, read_json
from laurels.web.api.exchange import Exchange, body_of
from laurels.web.api.problems import Detail, Trouble

Model = TypeVar("Model", bound=BaseModel)
CODES = {"missing": "field-missing", "extra_forbidden": "field-unknown"}
WHAT = {"field-missing": "it is missing", "field-unknown": "there is no such field"}


async def body_as(exchange: Exchange, model: type[Model]) -> Model:
    """The body in its form. Raises Trouble with every place that is wrong."""
    tree = read_json(await body_of(exchange.request))
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise trouble_of(error) from None


def trouble_of(error: ValidationError) -> Trouble:
    """What does not have the form that a route declares, with its places."""
    details = [_detail(dict(each)) for each in error.errors(include_url=False)]
    first = details[0]
    more = f", and {len(details) - 1} more" if len(details) > 1 else ""
    place = f"{first.pointer}: " if first.pointer else ""
    return Trouble(
        first.code, f"{place}{first.detail}{more}", details=details, expected=first.expected
    )


def _detail(error: dict[str, Any]) -> Detail:
    name = str(error["type"])
    code = CODES.get(name) or ("field-type" if name.endswith("_type") else "field-value")
    what = WHAT.get(code) or (
        f"it is {kind(error.get('input'))}" if code == "field-type" else "it has no such form"
    )
    expected = "" if code in WHAT else str(error["msg"]).removeprefix("Input should be ")
    steps = [str(each)[:80].replace("~", "~0").replace("/", "~1") for each in error["loc"]]
    return Detail(code, what, "".join("/" + each for each in steps), "", expected)
