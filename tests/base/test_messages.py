"""Texts by language."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from laurels.base.errors import RequestError
from laurels.base.messages import LANGUAGES, points_text, translator

LOCALE = Path(__file__).parent.parent.parent / "src" / "laurels" / "locale"


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "laurels.po").open("rb") as file:
        return read_po(file, locale=language)


def test_russian_counts_in_three_forms() -> None:
    say = translator("ru")
    told = [points_text(say, count) for count in (1, 2, 5, 11, 21, 22, 25, 112)]
    assert told == [
        "1 балл",
        "2 балла",
        "5 баллов",
        "11 баллов",
        "21 балл",
        "22 балла",
        "25 баллов",
        "112 баллов",
    ]


def test_english_counts_in_two_forms() -> None:
    assert [points_text(translator("en"), count) for count in (0, 1, 2)] == [
        "0 points",
        "1 point",
        "2 points",
    ]


@pytest.mark.parametrize("language", ["kk", "ka"])
def test_what_is_not_translated_is_english(language: str) -> None:
    assert points_text(translator(language), 2) == "2 points"


def test_parameters_are_named() -> None:
    assert translator("en").gettext("{rule} gave {points}", rule="a", points=5) == "a gave 5"
    assert translator("en").gettext("100% {kept}") == "100% {kept}"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        translator("../../etc")
    assert caught.value.code == "language-unknown"


@pytest.mark.parametrize(
    ("language", "forms"), [("en", 2), ("ru", 3), ("kk", 2), ("ka", 2)], ids=LANGUAGES
)
def test_every_catalogue_has_the_plural_forms_of_its_language(language: str, forms: int) -> None:
    assert catalogue(language).num_plurals == forms


@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_is_left_untranslated(language: str) -> None:
    def is_empty(text: str | tuple[str, ...]) -> bool:
        return not all(text if isinstance(text, tuple) else [text])

    missing = [
        m.id for m in catalogue(language) if m.id and is_empty(m.string) and language == "ru"
    ]
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_use_the_parameters_of_the_original(language: str) -> None:
    wrong = [(m.id, error) for m, errors in catalogue(language).check() for error in errors]
    assert not wrong
