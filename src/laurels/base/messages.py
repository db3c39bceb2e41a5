"""Texts for people, by language: gettext catalogues under `locale/`.

The English text is the key. `make messages` extracts the texts and merges them into the
catalogues; the build compiles them. Where a catalogue was not compiled, texts are English.
"""

import gettext as _gettext
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from laurels.base.errors import RequestError

LANGUAGES = ("en", "ru", "kk", "ka")

_LOCALE = Path(__file__).parent.parent / "locale"


@dataclass(frozen=True, slots=True)
class Translator:
    """One language. Parameters are named: `say.gettext("{rule} gave {points}", rule=..., ...)`."""

    language: str
    _catalogue: _gettext.NullTranslations

    def gettext(self, message: str, /, **params: object) -> str:
        """The text in this language, with its parameters in place."""
        text = self._catalogue.gettext(message)
        return text.format(**params) if params else text

    def ngettext(self, one: str, many: str, count: int, /, **params: object) -> str:
        """The text in the plural form that `count` takes; `{count}` is given."""
        return self._catalogue.ngettext(one, many, count).format(count=count, **params)


@cache
def translator(language: str) -> Translator:
    """The translator of a language: en, ru, kk or ka.

    Raises: RequestError for any other.
    """
    if language not in LANGUAGES:
        raise RequestError(
            "language-unknown",
            f"there is no language {language[:40]!r}",
            where="lang",
            expected="one of " + ", ".join(LANGUAGES),
        )
    catalogue = _gettext.translation("laurels", _LOCALE, [language], fallback=True)
    return Translator(language, catalogue)


def points_text(say: Translator, count: int) -> str:
    """`1 point`, `5 points`; `1 балл`, `2 балла`, `5 баллов`."""
    return say.ngettext("{count} point", "{count} points", count)
