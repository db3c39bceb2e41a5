"""What can go wrong, and who is asked to act.

    Refusal            the rules say no        the member is told why; a value, never raised
    LaurelsError
    ├── ProgramError   the document is wrong   the program manager, with file, line and column
    ├── RequestError   the caller is wrong     the integrator: wrong event, amount, time, file
    ├── Unavailable    the world is wrong      the caller repeats with the same identity
    └── Fault          we are wrong            we are called; nothing is written

Every one has a code: kebab-case, stable, listed in CODES and, printed from it, in docs/errors.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["refused", "program", "request", "unavailable", "fault"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rules say no. A value that travels with the decision; it is never raised.

    code    a code of the family `refused`
    params  what the sentence told to the member needs: names and integers, no prose
    """

    code: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `laurels check` has to say about a program file.

    line, column  from 1; 0 where a finding is about the whole file
    expected      what would have been right; hint: what to try. Both may be empty.
    """

    severity: Severity
    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        text = f"{place}{self.severity}: {self.message} [{self.code}]"
        return text + _aside(self.expected, self.hint)


class LaurelsError(Exception):
    """The root of all that is raised on purpose. `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ProgramError(LaurelsError):
    """The program document is wrong. Carries every finding of the run, warnings included."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        wrong = [one for one in self.findings if one.severity == "error"] or list(self.findings)
        ensure(bool(wrong), "a ProgramError has at least one finding")
        super().__init__(wrong[0].code, "\n".join(str(one) for one in self.findings))


class RequestError(LaurelsError):
    """The caller is wrong.

    what      what is wrong, as a sentence without a full stop
    where     the field, column or argument; empty when it is the whole request
    expected  what would have been right; hint: what to try
    """

    def __init__(
        self, code: str, what: str, *, where: str = "", expected: str = "", hint: str = ""
    ) -> None:
        place = f"{where}: " if where else ""
        super().__init__(code, place + what + _aside(expected, hint))
        self.what = what
        self.where = where
        self.expected = expected
        self.hint = hint


class Unavailable(LaurelsError):
    """The world is wrong: a store, a disk, a network. The caller may repeat the same request."""


class Fault(LaurelsError):
    """We are wrong: an invariant does not hold. Nothing that was decided may be written."""

    def __init__(self, message: str) -> None:
        super().__init__("fault", message)


def ensure(condition: bool, message: str) -> None:
    """Raise Fault unless `condition` holds. Unlike assert, it stays under `python -O`."""
    if not condition:
        raise Fault(message)


def _aside(expected: str, hint: str) -> str:
    """The tail of a message: what was expected, and what to try."""
    tail = f"; expected {expected}" if expected else ""
    return f"{tail} ({hint})" if hint else tail


# code: (family, meaning in one line). Sorted by family, then by code; a test holds it to the
# documentation and to the codes that the sources use.
CODES: dict[str, tuple[Family, str]] = {
    # refused
    # program
    # request
    "currency-unknown": ("request", "The currency is not in the ISO 4217 list of current codes."),
    "currency-without-minor-unit": ("request", "The ISO 4217 code has no minor unit: no money."),
    "decimal-invalid": ("request", "A number is not plain decimal text."),
    "decimal-too-fine": ("request", "A number has more decimals than its unit or currency."),
    "decimal-too-large": ("request", "A number is beyond 10^15 of its smallest units."),
    "instant-invalid": ("request", "A time is not RFC 3339."),
    "instant-never-happened": ("request", "A local time was skipped when clocks went forward."),
    "instant-out-of-range": ("request", "A time lies outside the years 1900 to 2199."),
    "instant-too-fine": ("request", "A time is finer than a microsecond."),
    "language-unknown": ("request", "There is no catalogue of messages for the language."),
    "rate-invalid": ("request", "A rate is not `4%`, `0.04`, `1/25` or `1 per 25`."),
    "rate-too-fine": ("request", "A rate needs a numerator or denominator beyond 10^9."),
    "zone-unknown": ("request", "The time zone is not a name of the IANA database."),
    # unavailable
    # fault
    "fault": ("fault", "An invariant does not hold; nothing was written."),
}
