"""The families of errors."""

import pytest

from laurels.base.errors import (
    Fault,
    Finding,
    LaurelsError,
    ProgramError,
    Refusal,
    RequestError,
    Unavailable,
    ensure,
)


def test_a_program_error_carries_every_finding_and_the_code_of_the_first_error() -> None:
    findings = [
        Finding("warning", "level-weak", "gold gives less than silver", "p.yaml", 3, 5),
        Finding("error", "name-unknown", "no unit 'mile'", "p.yaml", 9, 2, "unit", "try 'miles'"),
    ]
    error = ProgramError(findings)
    assert error.code == "name-unknown"
    assert error.findings == tuple(findings)
    assert str(error).splitlines() == [
        "p.yaml:3:5: warning: gold gives less than silver [level-weak]",
        "p.yaml:9:2: error: no unit 'mile' [name-unknown]; expected unit (try 'miles')",
    ]


def test_a_program_error_of_warnings_takes_the_code_of_the_first() -> None:
    assert ProgramError([Finding("warning", "level-weak", "weak")]).code == "level-weak"


def test_a_program_error_without_a_finding_is_our_fault() -> None:
    with pytest.raises(Fault):
        ProgramError([])


def test_a_request_error_says_what_where_and_what_was_expected() -> None:
    error = RequestError(
        "decimal-invalid", "'x' is no number", where="amount", expected="digits", hint="no letters"
    )
    assert (error.code, error.what, error.where) == (
        "decimal-invalid",
        "'x' is no number",
        "amount",
    )
    assert str(error) == "amount: 'x' is no number; expected digits (no letters)"
    assert str(RequestError("decimal-invalid", "wrong")) == "wrong"


def test_ensure_raises_a_fault_only_where_the_condition_fails() -> None:
    ensure(True, "fine")
    with pytest.raises(Fault, match="two is two") as caught:
        ensure(False, "two is two")
    assert caught.value.code == "fault"


def test_whatever_is_raised_on_purpose_has_one_root() -> None:
    for kind in (ProgramError, RequestError, Unavailable, Fault):
        assert issubclass(kind, LaurelsError)


def test_a_refusal_is_a_value() -> None:
    assert Refusal("balance-short", {"missing": 5}) == Refusal("balance-short", {"missing": 5})
    assert Refusal("balance-short").params == {}
    assert not issubclass(Refusal, BaseException)
