"""Requests made from the OpenAPI document, right and wrong: the server does what it says.

Bounded here; LAURELS_LONG=1 looks for longer.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from laurels.client import Laurels
from laurels.store.roles import SERVICE_ROLE
from laurels.web.api.openapi import document
from support.http import Running, running
from support.postgres import fresh_database
from web.conftest import PROGRAM
from web.test_client import PURCHASE, a_key

LONG = os.environ.get("LAURELS_LONG") == "1"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]


@pytest.fixture(scope="module")
def database() -> str:
    return fresh_database(role=SERVICE_ROLE)


@pytest.fixture(scope="module")
def owner(database: str) -> str:
    return a_key(database, "owner")


@pytest.fixture(scope="module")
def server(database: str, owner: str) -> Iterator[Running]:
    with running(database) as found:
        with Laurels(found.url, owner, "shop") as laurels:
            laurels.publish(PROGRAM)
            laurels.send({**PURCHASE, "id": "e1", "source": "api", "member": "anna"})
        yield found


schema = schemathesis.openapi.from_dict(
    document(), config=SchemathesisConfig.from_dict({"generation": {"mode": "all"}})
)


@schema.parametrize()
@settings(
    max_examples=200 if LONG else 8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=not LONG,
    database=None,
)
def test_the_server_does_what_the_document_says(case: Any, server: Running, owner: str) -> None:
    if "program" in case.path_parameters:
        case.path_parameters["program"] = "shop"  # else all is 404
    negated = {place for place, part in case.meta.components.items() if part.mode.is_negative}
    checks = CHECKS
    if negated <= {ParameterLocation.HEADER}:
        # strange headers that nobody reads are no wrong request
        checks = [each for each in CHECKS if each is not negative_data_rejection]
    case.call_and_validate(
        base_url=server.url, checks=checks, headers={"Authorization": f"Bearer {owner}"}
    )
