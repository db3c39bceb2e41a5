"""Who may do what."""

import pytest

from laurels.base.errors import RequestError
from laurels.service.permissions import (
    COMMAND_OF_TYPE,
    PERMISSIONS,
    ROLES,
    Caller,
    check_event_type,
    check_may,
    check_member_text,
    may,
    source_for,
)

TILL = Caller("k1", "till", ("shop",), ("till-7", "till-8"))
OWNER = Caller("k2", "owner")


def test_every_command_has_roles_and_the_owner_is_always_one() -> None:
    assert set(PERMISSIONS.values()) <= {roles for roles in PERMISSIONS.values() if roles}
    assert all("owner" in roles <= set(ROLES) for roles in PERMISSIONS.values())


def test_a_reader_changes_nothing() -> None:
    changing = {each for each in PERMISSIONS if may(Caller("k", "read-only"), each)}
    assert all(each.startswith(("read_", "list_", "explain_", "quote")) for each in changing)


def test_a_till_can_do_no_more_than_a_till_does() -> None:
    assert {each for each in PERMISSIONS if may(TILL, each)} == {
        *("send_events", "read_event", "quote", "read_member", "read_program", "read_clock"),
        *("place_hold", "read_hold", "capture_hold", "void_hold", "read_key"),
    }


def test_what_a_role_may_not_do_is_refused_with_who_may() -> None:
    with pytest.raises(RequestError) as caught:
        check_may(TILL, "publish_program", "shop")
    assert (caught.value.code, caught.value.expected) == ("not-permitted", "a key of role owner")


def test_a_key_for_one_program_is_told_nothing_of_others() -> None:
    check_may(TILL, "quote", "shop")
    with pytest.raises(RequestError):
        check_may(TILL, "quote", "another")


@pytest.mark.parametrize("kind", sorted(COMMAND_OF_TYPE))
def test_an_event_that_is_a_command_needs_that_permission(kind: str) -> None:
    with pytest.raises(RequestError):
        check_event_type(TILL, kind)
    check_event_type(OWNER, kind)


def test_a_key_writes_for_its_own_sources_only() -> None:
    assert source_for(TILL, None) == source_for(TILL, "") == "till-7"
    assert source_for(TILL, "till-8") == "till-8"
    with pytest.raises(RequestError):
        source_for(TILL, "till-9")
    assert source_for(OWNER, None) == "api"
    assert source_for(OWNER, "anything") == "anything"


@pytest.mark.parametrize("member", ["phone:+77010000000", "email:a@b.c", "Phone:1", " EMAIL :x"])
def test_to_a_till_every_phone_number_is_unknown(member: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_member_text(TILL, member)
    assert caught.value.code == "member-unknown"
    check_member_text(OWNER, member)
    check_member_text(TILL, "card:4000")
    check_member_text(TILL, "anna")
