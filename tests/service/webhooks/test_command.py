"""`laurels webhooks`, as it is typed, on a real database."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from laurels.cli.app import app
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.testing import throwaway_database

PROGRAM = """\
program: shop
zone: UTC
currency: EUR
units:
  point: {worth: 0.01}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {title: A point for each euro, on: purchase, give: {points: 1, per: 1}}
    returns: proportional
"""


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    made = throwaway_database()

    async def publish() -> None:
        async with await Service.open(made.service) as service:
            await service.publish(Actor("owner"), "shop", PROGRAM)

    asyncio.run(publish())
    monkeypatch.setenv("LAURELS_DATABASE_URL", made.service)


def typed(*arguments: str, code: int = 0) -> dict[str, Any]:
    ran = CliRunner().invoke(app, ["webhooks", *arguments, "--json"])
    assert ran.exit_code == code, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_an_endpoint_is_made_shown_paused_resumed_rotated_sent_again_and_removed() -> None:
    made = typed("add", "shop", "https://example.com/hook", "--label", "warehouse")
    assert made["secret"].startswith("whsec_")
    name = made["webhook"]
    (shown,) = typed("list", "shop")["webhooks"]
    assert (shown["webhook"], shown["state"], shown["label"]) == (name, "active", "warehouse")
    assert made["secret"] not in json.dumps(shown)
    assert typed("change", "shop", name, "--pause")["state"] == "paused"
    assert typed("change", "shop", name, "--resume")["state"] == "active"
    assert typed("rotate", "shop", name)["secret"] != made["secret"]
    assert typed("list", "shop")["webhooks"][0]["secrets"] == 2
    day = ("--since", "2026-01-01T00:00:00Z", "--until", "2026-01-02T00:00:00Z")
    assert typed("replay", "shop", name, *day)["replay"].startswith("rp_")
    assert typed("remove", "shop", name)["removed"] == name
    assert typed("list", "shop")["webhooks"] == []


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [(("add", "shop", "http://example.com/"), "webhook-url"),
     (("add", "shop", "https://example.com/", "--kind", "weather"), "webhook-kind"),
     (("add", "bakery", "https://example.com/"), "program-unknown"),
     (("change", "shop", "wh_none", "--pause"), "webhook-unknown"),
     (("remove", "shop", "wh_none"), "webhook-unknown")],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_code(arguments: tuple[str, ...], wrong: str) -> None:
    assert typed(*arguments, code=1)["error"]["code"] == wrong
