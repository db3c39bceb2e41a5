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
        place = f":{self.line}:{self.column}" if self.line else ""
        place = f"{self.file}{place}: " if self.file else ""
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
    "above-hold": ("refused", "More was asked than the hold still has."),
    "above-limit": ("refused", "More points were asked than the program lets be spent."),
    "below-minimum": ("refused", "Fewer points were asked than the program lets be spent."),
    "hold-ended": ("refused", "The hold was captured, voided or has lapsed."),
    "hold-unknown": ("refused", "There is no hold of that name."),
    "no-points": ("refused", "No points were asked for."),
    "not-accepted-here": ("refused", "Points are not accepted for this, or not here."),
    "not-covered": ("refused", "The member has fewer active points."),
    "not-spendable": ("refused", "The unit cannot be spent."),
    "not-transferable": ("refused", "The unit cannot be given to another member."),
    "pays-unknown": ("refused", "The event that the points should pay is not known."),
    "refused-before": ("refused", "It was refused when it was first asked."),
    "too-often": ("refused", "Points were spent as often as the program allows in this period."),
    # program
    "attribute-range": ("program", "A range of an attribute holds no number, or is about none."),
    "attribute-type": ("program", "An attribute has two types in two event types."),
    "attribute-values": ("program", "A set of values for what is no text."),
    "award-out-of-range": ("program", "An award is, or could be, outside the range of its rule."),
    "cap-covers-nothing": ("program", "None of a cap's rules gives the unit that it limits."),
    "budget-form": ("program", "A budget over all members is a number, without `when`."),
    "cap-empty": ("program", "A cap limits nothing."),
    "cap-impossible": ("program", "A cap's least is above its most."),
    "cap-never": ("program", "A cap's condition never holds."),
    "cap-unit": ("program", "A cap does not say which of several units it limits."),
    "event-type-unread": ("program", "No rule and no metric reads a declared event type."),
    "expression-constant": ("program", "A constant in an expression cannot be read."),
    "expression-dimension": ("program", "An expression mixes money, points and plain numbers."),
    "expression-not-allowed": ("program", "CEL knows it, a program may not use it."),
    "expression-overflow": ("program", "A value of an expression could leave 64 bits."),
    "expression-syntax": ("program", "An expression is no CEL."),
    "expression-type": ("program", "A value of an expression has the wrong type."),
    "expression-unknown-name": ("program", "An expression names what is not declared here."),
    "expression-unknown-value": ("program", "A string is compared with a value that it never has."),
    "expression-zero-divisor": ("program", "A divisor of an expression may be zero."),
    "give-factor": ("program", "A factor that multiplies is not above 1."),
    "give-kind": ("program", "A rule gives nothing, or in two ways at once."),
    "give-multiply": ("program", "A rule multiplies one that multiplies."),
    "give-per": ("program", "`per` without a number of points, or for each nothing."),
    "give-points": ("program", "An expression for points has another dimension."),
    "give-range": ("program", "A range that no award is in, or on what is no award of points."),
    "ladder-clock": ("program", "Keys of a ladder that do not go together: periods, terms, sums."),
    "ladder-empty": ("program", "A ladder without levels."),
    "ladder-sum-shared": ("program", "Two ladders count the same unit."),
    "ladder-sum-uncredited": ("program", "A ladder counts a unit that no rule gives."),
    "level-order": ("program", "Levels stand in another order than in an earlier version."),
    "level-removed": ("program", "A level is gone and nothing says what becomes of it."),
    "level-unreachable": ("program", "What a level asks can never hold."),
    "level-weaker": ("program", "A higher level asks for less than the one below it."),
    "mapping-column-unknown": ("program", "A mapping names a column that the file does not have."),
    "mapping-key-missing": ("program", "A mapping lacks a key."),
    "mapping-key-twice": ("program", "A key stands twice in a mapping."),
    "mapping-key-unknown": ("program", "A key that mappings do not have."),
    "mapping-value-wrong": ("program", "A value of a mapping does not have the right form."),
    "mapping-yaml": ("program", "A mapping is no YAML."),
    "member-attribute-type": (
        "program",
        "A member's attribute is neither a text nor the date born.",
    ),
    "membership-never": ("program", "The condition of membership never holds."),
    "metric-kind": ("program", "A metric is not exactly one of sum, count, max, last."),
    "metric-lines": ("program", "A largest or latest value of lines is not kept."),
    "metric-net": ("program", "Returns cannot lower this metric."),
    "metric-never": ("program", "No event meets a metric's condition."),
    "metric-overflow": ("program", "One event could add too much to a metric."),
    "metric-window": ("program", "A window that a metric cannot have."),
    "multiply-events": ("program", "A rule multiplies one that is silent on one of its events."),
    "multiply-order": ("program", "A rule multiplies one that stands below it."),
    "name-reserved": ("program", "A name has another meaning where it stands."),
    "name-unknown": ("program", "A name of the program file is not declared."),
    "non-purchase-material": ("program", "Material points for what was not bought."),
    "offer-above-ceiling": ("program", "An offer gives more than the ceiling."),
    "offer-window": ("program", "An offer ends before it starts."),
    "points-overflow": ("program", "One event could earn more than 10^15 steps."),
    "posting": ("program", "`posting` has none or both of its keys, or never comes."),
    "product-name": ("program", "A product's name is no name."),
    "product-twice": ("program", "A product is declared twice."),
    "program-file-encoding": ("program", "A program file is not UTF-8."),
    "program-file-unreadable": ("program", "A program file cannot be read."),
    "program-key-missing": ("program", "A key that must be there is missing."),
    "program-key-not-text": ("program", "A key is no plain word."),
    "program-key-twice": ("program", "A key stands twice in one part."),
    "program-key-unknown": ("program", "A key that the program file does not have."),
    "program-not-a-mapping": ("program", "The file holds no mapping."),
    "program-not-yaml": ("program", "The file is no YAML."),
    "program-published": ("program", "A text changes what was published and cannot change."),
    "program-too-deep": ("program", "The file is nested too deeply."),
    "program-too-large": ("program", "The file is too large."),
    "program-value": ("program", "A value does not have the right form."),
    "rate-inexact": ("program", "A rate is not exact in steps of its unit."),
    "requalify-term": ("program", "`requalify` is no number of days, months or years."),
    "requalify-too-long": ("program", "`requalify` is longer than a level's term."),
    "rule-every-nth": ("program", "A rule on every n-th event gives on others too."),
    "rule-names-alike": ("program", "Two rules differ in `-` and `_` only."),
    "rule-never-fires": ("program", "A rule can never give anything."),
    "rule-twice": ("program", "Two rules of a version have one name."),
    "rule-unit": ("program", "A rule does not say which unit it gives."),
    "rule-unit-twice": ("program", "A rule names a unit twice."),
    "spending-impossible": ("program", "The most that can be spent is below the least."),
    "spending-never": ("program", "A condition of a limit of spending never holds."),
    "spending-share": ("program", "Points pay more than the price."),
    "spending-unit": ("program", "A limit does not say which of several units it limits."),
    "spending-unspendable": ("program", "A limit on a unit that cannot be spent."),
    "stacking-events": ("program", "A rule never meets the others of its group."),
    "stacking-twice": ("program", "A rule stands in two groups, or twice in one."),
    "stacking-units": ("program", "A group compares points of different units."),
    "story-change": ("program", "A change of a story names no part of the program."),
    "story-event": ("program", "An event of a story is not taken."),
    "story-form": ("program", "A part of a story does not have the right form."),
    "story-key": ("program", "A key that stories do not have."),
    "story-ladder": ("program", "A story names a ladder that the program does not have."),
    "story-lot": ("program", "A story names lots in a form that cannot be read."),
    "story-number": ("program", "A number of a story is no number."),
    "story-repeat": ("program", "A repetition of a story cannot be read."),
    "story-time": ("program", "A time of a story cannot be read."),
    "story-unit": ("program", "A story names a unit that the program does not have."),
    "story-unreadable": ("program", "A story cannot be read."),
    "table-incomplete": ("program", "A table leaves out a level or value, without `otherwise`."),
    "table-value": ("program", "A value of a table is below zero, or not printable."),
    "term-too-long": ("program", "A term is longer than 100 years."),
    "unit-missing": ("program", "A program without units."),
    "unit-precision": ("program", "A precision is not 1, 0.1, 0.01 and so on."),
    "unit-spends-itself": ("program", "A unit is spent beside itself."),
    "unit-worth-missing": ("program", "A share of a price needs points that are worth money."),
    "version-number": ("program", "A version's number is not above that before it."),
    "version-overlap": ("program", "A version comes into force no later than that before it."),
    "version-published-late": ("program", "A version is published after it came into force."),
    # request
    "adjustment-above-limit": ("request", "An adjustment is above what one key may post alone."),
    "batch-count": ("request", "A batch does not hold as many events as its sender counted."),
    "batch-sum": ("request", "The amounts of a batch do not add up to what its sender counted."),
    "clock-back": ("request", "The test clock only goes forward."),
    "correction-decided": ("request", "The correction was decided already."),
    "correction-own": ("request", "Nobody approves what they proposed."),
    "correction-unknown": ("request", "There is no such correction."),
    "currency-unknown": ("request", "The currency is not in the ISO 4217 list of current codes."),
    "currency-without-minor-unit": ("request", "The ISO 4217 code has no minor unit: no money."),
    "database-not-empty": ("request", "The database to restore into has tables already."),
    "decimal-invalid": ("request", "A number is not plain decimal text."),
    "decimal-too-fine": ("request", "A number has more decimals than its unit or currency."),
    "decimal-too-large": ("request", "A number is beyond 10^15 of its smallest units."),
    "engine-missing": ("request", "What an engine needs is not installed."),
    "event-amount-missing": ("request", "An event of this type needs an amount."),
    "event-amount-negative": ("request", "An amount is below zero."),
    "event-amount-not-sum": ("request", "An amount is not the sum of its lines."),
    "event-attribute-missing": ("request", "An event lacks an attribute that is required."),
    "event-before-program": ("request", "An event is older than the first version."),
    "event-currency": ("request", "An amount is in another currency."),
    "event-date": ("request", "A date is no date."),
    "event-derived": ("request", "The event is derived by the engine, never sent."),
    "event-field-missing": ("request", "A field that every such event has is missing."),
    "event-field-text": ("request", "A field is no plain text of 1 to 200 characters."),
    "event-form": ("request", "An event holds a value that JSON does not have."),
    "event-id-conflict": ("request", "The id was used before, for something else."),
    "event-lines": ("request", "Lines are no list of lines, too many, or those of a return."),
    "event-member": ("request", "An event was given to the book of another member."),
    "event-points-missing": ("request", "There are no points, or none above zero."),
    "event-too-late": ("request", "An event was recorded too long after it occurred."),
    "event-type-reserved": ("request", "Events of this type come of a command."),
    "event-unit": ("request", "There is no such unit."),
    "event-unknown": ("request", "No event of the history has this id."),
    "event-value-out-of-range": ("request", "A number is outside the range that is declared."),
    "event-value-unknown": ("request", "A value is none of those that there are."),
    "events-unreadable": ("request", "A file of events cannot be read."),
    "field-wrong": ("request", "A field does not have the right form."),
    "file-exists": ("request", "The file that should be made is there already."),
    "file-missing": ("request", "There is no such file or folder."),
    "folder-not-empty": ("request", "The folder is not empty."),
    "folder-not-writable": ("request", "A folder for results cannot be written."),
    "format-unknown": ("request", "There is no such format of files."),
    "heads-form": ("request", "A file does not hold exported heads of chains."),
    "heads-none": ("request", "No daily head of the chains has been written."),
    "hold-not-found": ("request", "There is no such hold."),
    "identity-taken": ("request", "The identity belongs to another member."),
    "grid-form": ("request", "A grid is not of the form path=value,value."),
    "grid-too-large": ("request", "Grids make more programs than are tried at once."),
    "instant-invalid": ("request", "A time is not RFC 3339."),
    "instant-never-happened": ("request", "A local time was skipped when clocks went forward."),
    "instant-out-of-range": ("request", "A time lies outside the years 1900 to 2199."),
    "instant-too-fine": ("request", "A time is finer than a microsecond."),
    "language-unknown": ("request", "There is no catalogue of messages for the language."),
    "limit-wrong": ("request", "A page cannot be so long."),
    "mapping-unreadable": ("request", "A mapping cannot be read."),
    "member-blocked": ("request", "The member is blocked: nothing can be spent."),
    "member-closed": ("request", "The member was closed, erased or merged."),
    "memory-size": ("request", "An amount of memory cannot be read."),
    "merge-in-the-past": ("request", "A merge precedes what is known already."),
    "merge-same": ("request", "Both names of a merge are of one member."),
    "not-your-source": ("request", "The caller may not speak for this source."),
    "position-wrong": ("request", "It is no place in the list."),
    "posting-unknown": ("request", "No posting of the history has this id."),
    "program-name": ("request", "The file is of another program than the address says."),
    "program-not-ready": ("request", "No text of the program is in force yet."),
    "program-too-many": ("request", "There are as many programs as one database can hold."),
    "port-taken": ("request", "Nothing can listen on the port."),
    "programs-not-comparable": ("request", "Two programs give one word two meanings."),
    "quote-stale": ("request", "The terms have changed since the quote."),
    "rate-invalid": ("request", "A rate is not `4%`, `0.04`, `1/25` or `1 per 25`."),
    "rate-too-fine": ("request", "A rate needs a numerator or denominator beyond 10^9."),
    "recorded-at-not-yours": ("request", "The caller may not say when an event was recorded."),
    "setting-form": ("request", "A setting is not of the form path=value."),
    "setting-unknown": ("request", "A setting names what the program does not have."),
    "environment-unknown": ("request", "The environment has a LAURELS_ name that is no setting."),
    "environment-wrong": ("request", "A setting of the environment cannot be read."),
    "sealed-debt": ("request", "An opening balance has debt and active points of one unit."),
    "sealed-line": ("request", "A line of an opening balance says no one thing."),
    "sealed-over": ("request", "A lot or level of an opening balance is over already."),
    "state-unknown": ("request", "Events are in no such state."),
    "sum-too-large": ("request", "A member's points or metrics are beyond 10^17."),
    "states-later": ("request", "Saved states stand after the instant that was asked for."),
    "states-missing": ("request", "There are no saved states here."),
    "states-program": ("request", "Saved states are of another program, text or release."),
    "states-shared": ("request", "Of such a run no states can be saved, nor used."),
    "story-none": ("request", "There are no stories here."),
    "unknown-in-history": ("request", "The history does not hold what was asked for."),
    "unit-unknown": ("request", "A unit was asked for that the program has not."),
    "ladder-unknown": ("request", "A ladder was asked for that the program has not."),
    "metric-unknown": ("request", "A metric was asked for that the program has not."),
    "version-unknown": ("request", "A version was asked for that the program has not."),
    "webhook-address": ("request", "The address of a webhook is none, or not a public one."),
    "webhook-kind": ("request", "Nothing is told of what a webhook asks for."),
    "webhook-network": ("request", "A network in LAURELS_WEBHOOK_NETWORKS cannot be read."),
    "webhook-unknown": ("request", "The program has no webhook of this name."),
    "webhook-url": ("request", "The URL of a webhook cannot be one."),
    "server-not-started": ("unavailable", "A server that was started does not answer."),
    "worker-lost": ("unavailable", "A process that ran a part of a history was lost."),
    "zone-unknown": ("request", "The time zone is not a name of the IANA database."),
    "access-key-missing": ("request", "A request carries no access key."),
    "access-key-wrong": ("request", "An access key is unknown, revoked or ended."),
    "batch-control": ("request", "The control totals of a batch are not those of its events."),
    "batch-size": ("request", "A batch holds no events, or too many."),
    "body-content-type": ("request", "A body is of another media type than the route reads."),
    "body-encoding": ("request", "A body is compressed, or no UTF-8."),
    "body-too-large": ("request", "A body is larger than the route takes."),
    "cursor-wrong": ("request", "A cursor is not ours, or belongs to another list."),
    "field-missing": ("request", "A field that must be there is missing."),
    "field-type": ("request", "A field has another type than it should."),
    "field-unknown": ("request", "A field is not one of those that the route reads."),
    "field-value": ("request", "A value of a field does not have the right form."),
    "json-deep": ("request", "JSON is nested too deeply."),
    "json-key-twice": ("request", "A key stands twice in a JSON object."),
    "json-syntax": ("request", "A body is no JSON."),
    "key-not-found": ("request", "No access key has this name."),
    "media-type-not-offered": (
        "request",
        "The request accepts no media type that there is.",
    ),
    "method-not-allowed": ("request", "A route does not answer this method."),
    "not-permitted": ("request", "The role or the scope of the access key does not allow it."),
    "number-not-text": ("request", "A number is written as a JSON number, not as decimal text."),
    "role-unknown": ("request", "There is no such role."),
    "route-unknown": ("request", "There is no such route."),
    "sandbox-only": ("request", "Only a sandbox does this."),
    "text-character": ("request", "A text holds a control character."),
    "too-many-requests": ("request", "An access key sends more than it may."),
    "member-unknown": ("request", "There is no such member."),
    "program-unknown": ("request", "There is no such program."),
    # unavailable
    "database-account": ("unavailable", "There is no account that could run the server for root."),
    "database-binaries-missing": ("unavailable", "There is no PostgreSQL that could be started."),
    "database-command-failed": ("unavailable", "A program of PostgreSQL failed."),
    "database-folder": ("unavailable", "A data folder cannot be used as it is."),
    "database-folder-version": ("unavailable", "Another PostgreSQL wrote the data folder."),
    "database-in-use": ("unavailable", "Other processes use the embedded server."),
    "database-start": ("unavailable", "The embedded server does not start."),
    "member-busy": ("unavailable", "Another request holds the member; come again."),
    "service-overloaded": ("unavailable", "Too many events wait already; come again."),
    "service-stopping": ("unavailable", "The service is stopping; come again."),
    "store-too-old": ("unavailable", "The database server is of a version that is not supported."),
    "store-unreachable": ("unavailable", "The database does not answer."),
    "webhook-key-missing": ("unavailable", "Secrets of webhooks were made with another key."),
    # fault
    "fault": ("fault", "An invariant does not hold; nothing was written."),
}
