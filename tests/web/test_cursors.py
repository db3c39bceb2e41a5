"""Cursors and links of long lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.web.api.cursors import Cursors, link_header
from laurels.web.api.problems import Trouble

LIST = {"route": "postings", "member": "anna"}
places = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text()), max_size=4)


@given(places)
def test_a_cursor_leads_back_to_its_place(place: list) -> None:
    cursors = Cursors(b"s" * 32)
    assert cursors.read(cursors.write(place, LIST), LIST) == place


@given(st.text(max_size=80))
def test_a_cursor_cannot_be_made_up(cursor: str) -> None:
    with pytest.raises(Trouble) as caught:
        Cursors(b"s" * 32).read(cursor, LIST)
    assert caught.value.code == "cursor-wrong"


@given(places, st.data())
def test_a_cursor_cannot_be_changed(place: list, data: st.DataObject) -> None:
    cursors = Cursors(b"s" * 32)
    cursor = cursors.write(place, LIST)
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last letter may have bits to spare
    letter = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda each: each != cursor[at]))
    with pytest.raises(Trouble):
        cursors.read(cursor[:at] + letter + cursor[at + 1 :], LIST)


def test_a_cursor_of_another_list_or_server_is_refused() -> None:
    cursor = Cursors(b"s" * 32).write([1], LIST)
    with pytest.raises(Trouble):
        Cursors(b"s" * 32).read(cursor, {**LIST, "member": "berta"})
    with pytest.raises(Trouble):
        Cursors(b"t" * 32).read(cursor, LIST)


def test_without_a_cursor_a_list_begins() -> None:
    assert Cursors(b"s" * 32).read(None, LIST) is None


def test_links_lead_to_the_first_page_and_the_next() -> None:
    header = link_header("/v1/x/%C3%A5", {"limit": "2"}, "c d")
    assert header == (
        '</v1/x/%C3%A5?limit=2>; rel="first", </v1/x/%C3%A5?limit=2&cursor=c+d>; rel="next"'
    )
    assert link_header("/v1/x", {}, None) == '</v1/x>; rel="first"'
