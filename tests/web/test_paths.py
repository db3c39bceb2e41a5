"""Which route a path leads to."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from laurels.web.api.paths import Paths
from laurels.web.api.routes import ENDPOINTS, PATHS

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.sampled_from(ENDPOINTS), st.data())
def test_every_route_is_found_whatever_its_parts_hold(endpoint, data: st.DataObject) -> None:
    parts, wanted = [], {}
    for part in endpoint.path.split("/"):
        if part.startswith("{"):
            wanted[part[1:-1]] = data.draw(text)
            part = quote(wanted[part[1:-1]], safe="")
        parts.append(part)
    found = PATHS.find("/".join(parts))
    assert found is not None
    assert found.parts == wanted
    assert found.methods[endpoint.method] is endpoint


def test_what_is_not_a_route_leads_nowhere() -> None:
    paths = Paths([("GET", "/a/{x}", 1), ("POST", "/a/{x}", 2), ("GET", "/a/b/c", 3)])
    assert paths.find("/a/1") == ({"GET": 1, "POST": 2}, {"x": "1"})
    for path in ("", "/", "/a", "/a/", "/a//", "/b/1", "/a/1/2", "/a/b/c/", "a/1"):
        assert paths.find(path) is None
