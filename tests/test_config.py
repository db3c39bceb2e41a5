"""Settings: read from the environment, refused with a word, documented."""

import runpy
from dataclasses import fields
from pathlib import Path

import pytest

from laurels.base.errors import RequestError
from laurels.config import SETTINGS, Settings, read_settings

ROOT = Path(__file__).parent.parent


def test_every_setting_has_a_field_and_a_line_in_the_page() -> None:
    assert [each.field for each in SETTINGS] == [each.name for each in fields(Settings)]
    page = runpy.run_path(str(ROOT / "tools" / "settings_page.py"))["page"]()
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == page, "make docs"


def test_defaults_are_as_if_they_were_written_out() -> None:
    written = {each.name: each.default for each in SETTINGS}
    assert read_settings({}) == read_settings(written)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(RequestError, match="LAURELS_DATABSE_URL") as refused:
        read_settings({"LAURELS_DATABSE_URL": "x", "PATH": "/bin"})
    assert refused.value.code == "environment-unknown"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [("LAURELS_PORT", "http", "a whole number from 0 to 65535"),
     ("LAURELS_PORT", "70000", "a whole number from 0 to 65535"),
     ("LAURELS_JOBS", "yes", "on or off"),
     ("LAURELS_DATABASE_URL", "mysql://x", "postgresql://"),
     ("LAURELS_LOG", "loud", "one of debug")],
)  # fmt: skip
def test_a_setting_that_cannot_be_read_says_what_was_expected(
    name: str, text: str, expected: str
) -> None:
    with pytest.raises(RequestError) as refused:
        read_settings({name: text})
    assert refused.value.code == "environment-wrong"
    assert refused.value.where == name
    assert expected in refused.value.expected


def test_an_option_wins_over_the_environment_and_none_changes_nothing() -> None:
    found = read_settings({"LAURELS_PORT": "9000", "LAURELS_HOST": "::1"})
    changed = found.changed(port=0, host=None)
    assert (changed.port, changed.host) == (0, "::1")
