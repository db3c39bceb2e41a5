"""Problems: one renderer for every error that there is."""

import json

import pytest

from laurels.base.errors import CODES, Fault, Finding, ProgramError, RequestError, Unavailable
from laurels.web.api.problems import (
    MEDIA_TYPE,
    OF_FAMILY,
    STATUS,
    Detail,
    Trouble,
    pointer_of,
    problem_of,
    render,
    status_of,
)


def test_every_code_has_a_status_and_the_table_names_no_code_that_there_is_not() -> None:
    assert STATUS.keys() <= CODES.keys()
    assert all(400 <= status_of(code) <= 599 for code in CODES)
    wrong = [each for each in CODES if CODES[each][0] == "request" and status_of(each) >= 500]
    assert not wrong
    assert set(OF_FAMILY) == {family for family, _ in CODES.values()}


@pytest.mark.parametrize(
    ("where", "prefix", "pointer"),
    [
        ("amount", "", "/amount"),
        ("lines[2].amount", "/events/5", "/events/5/lines/2/amount"),
        ("", "/events/5", "/events/5"),
        ("", "", ""),
        ("a/b~c", "", "/a~1b~0c"),
    ],
)
def test_a_place_becomes_a_json_pointer(where: str, prefix: str, pointer: str) -> None:
    assert pointer_of(where, prefix) == pointer


def test_a_wrong_request_says_what_where_and_how_to_mend_it() -> None:
    error = RequestError("event-amount-negative", "it is below zero", where="amount",
                         expected="0 or more", hint="send a return")  # fmt: skip
    assert problem_of(error).data("6d0c") == {
        "type": "/problems/event-amount-negative",
        "title": "An amount is below zero",
        "status": 422,
        "detail": "amount: it is below zero; expected 0 or more (send a return)",
        "code": "event-amount-negative",
        "instance": "urn:uuid:6d0c",
        "errors": [
            {
                "code": "event-amount-negative",
                "detail": "it is below zero",
                "pointer": "/amount",
                "expected": "0 or more",
                "hint": "send a return",
            }
        ],
    }


def test_a_wrong_program_carries_its_findings() -> None:
    finding = Finding("error", "unit-missing", "there are no units", "p.yaml", 3, 1)
    data = problem_of(ProgramError([finding])).data()
    assert (data["status"], data["code"]) == (422, "unit-missing")
    assert data["findings"][0]["line"] == 3


def test_what_is_unavailable_says_when_to_come_back_and_names_no_host() -> None:
    problem = problem_of(Unavailable("store-unreachable", "db-1.internal:5432 refused"))
    assert (problem.status, problem.headers) == (503, {"Retry-After": "1"})
    assert "internal" not in json.dumps(problem.data())


def test_a_fault_tells_nothing_of_what_was_inside() -> None:
    problem = problem_of(Fault("balance of anna is -5"))
    assert problem.status == 500
    assert "anna" not in json.dumps(problem.data())


def test_a_problem_is_rendered_with_its_media_type_and_headers() -> None:
    trouble = Trouble("too-many-requests", "too many", headers={"Retry-After": "7"},
                      details=[Detail("too-many-requests", "x", parameter="key")])  # fmt: skip
    answer = render(problem_of(trouble))
    assert answer.status_code == 429
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["retry-after"] == "7"
    assert json.loads(answer.body)["errors"] == [
        {"code": "too-many-requests", "detail": "x", "parameter": "key"}
    ]
