"""Bodies: what is read, and what is refused with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.web.api.codec import Batch, read_event, read_events, read_json
from laurels.web.api.problems import Trouble

EVENT = {"id": "t1", "type": "purchase", "member": "anna", "amount": "480.00"}

text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")))
value = st.one_of(text, st.booleans(), st.none())
line = st.dictionaries(text, value, max_size=4)
event = st.dictionaries(text.filter(lambda key: key not in ("lines", "events")), value, max_size=6)


@given(event, st.lists(line, max_size=3), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_what_any_writer_of_json_wrote_is_read_as_it_was_meant(
    fields: dict, lines: list, ascii_only: bool, indent: object
) -> None:
    whole = {**fields, "lines": lines}
    body = json.dumps(whole, ensure_ascii=ascii_only, indent=indent).encode()
    assert read_event(body) == whole
    batch = json.dumps({"events": [whole, whole]}, ensure_ascii=ascii_only, indent=indent)
    found = read_events(batch.encode())
    assert isinstance(found, Batch)
    assert found.events == [whole, whole]


@given(event.filter(len), st.data())
def test_a_key_that_stands_twice_is_always_found(fields: dict, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(fields)))
    space = data.draw(st.sampled_from(["", " ", "\n"]))
    pairs = [f"{json.dumps(name)}{space}:{json.dumps(each)}" for name, each in fields.items()]
    again = json.dumps(key) + ":" + json.dumps('another ": one')
    pairs.insert(data.draw(st.integers(0, len(pairs))), again)
    body = "{" + ",".join(pairs) + "}"
    for wrong in (body, f'{{"events": [{body}]}}'):
        with pytest.raises(Trouble) as caught:
            read_events(wrong.encode())
        assert caught.value.code == "json-key-twice"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"", "json-syntax", None),
        (b"{", "json-syntax", None),
        (b"\xef\xbb\xbf{}", "json-syntax", None),
        ('{"id": "é"}'.encode("utf-16"), "json-syntax", None),
        ('{"id": "é"}'.encode("latin-1"), "json-syntax", None),
        (b'{"amount": NaN}', "json-syntax", None),
        (b'{"amount": -Infinity}', "json-syntax", None),
        (b'{"amount": 1e999}', "field-value", None),
        (b'{"amount": ' + b"9" * 5000 + b"}", "field-value", None),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, "json-deep", None),
        (b"[" * 100_000, "json-deep", None),
        (b'{"amount": 12.5}', "number-not-text", "/amount"),
        (b'{"amount": 12}', "number-not-text", "/amount"),
        (b'{"lines": [{"amount": "1"}, {"amount": 2}]}', "number-not-text", "/lines/1/amount"),
        (b'{"lines": ["shirt"]}', "field-type", "/lines/0"),
        (b'{"basket": {"id": "x"}}', "field-type", "/basket"),
        (b'{"a/b~c": {}}', "field-type", "/a~1b~0c"),
        (b"[]", "field-type", None),
        (b'"anna"', "field-type", None),
        (b"null", "field-type", None),
        (b'{"id": "a\\u0000b"}', "text-character", "/id"),
        (b'{"id": "a\\u001bb"}', "text-character", "/id"),
        (b'{"id": "a\x7fb"}', "text-character", "/id"),
        ('{"id": "a\x85b"}'.encode(), "text-character", "/id"),
        (b'{"id": "a\\ud800b"}', "text-character", "/id"),
        (b'{"events": {}}', "field-type", "/events"),
        (b'{"events": [1]}', "field-type", "/events/0"),
        (b'{"events": [{"a": [1]}]}', "field-type", "/events/0/a"),
        (b'{"events": [], "total": "1"}', "field-unknown", "/total"),
        (b'{"events": [], "control": {"sum": 1.5}}', "field-type", "/control/sum"),
        (b'{"events": [], "control": {"count": true}}', "field-type", "/control/count"),
        (b'{"events": [], "control": {"mean": "1"}}', "field-unknown", "/control/mean"),
    ],
)
def test_a_body_that_is_wrong_is_refused_with_its_place(
    body: bytes, code: str, pointer: str | None
) -> None:
    with pytest.raises(Trouble) as caught:
        read_events(body)
    assert caught.value.code == code
    places = [each.pointer for each in caught.value.details if each.pointer]
    assert places == ([pointer] if pointer else [])


def test_line_ends_and_tabs_are_text() -> None:
    assert read_event(b'{"reason": "a\\n\\tb"}') == {"reason": "a\n\tb"}


def test_every_wrong_place_of_an_event_is_told() -> None:
    with pytest.raises(Trouble) as caught:
        read_events(b'{"events": [{"amount": 1}, {"amount": "1"}, {"points": 2.5, "lines": [3]}]}')
    assert [each.pointer for each in caught.value.details] == [
        "/events/0/amount",
        "/events/2/points",
        "/events/2/lines/0",
    ]


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    for read in (read_event, read_events, read_json):
        try:
            read(body)
        except Trouble as trouble:
            assert trouble.message
