"""Explanations as sentences, in the languages of the catalogues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from laurels.base.instants import parse_instant
from laurels.base.messages import translator
from laurels.engine.explained import (
    AtomSeen,
    CapSeen,
    Correction,
    Drawn,
    EventSeen,
    LevelSeen,
    NeedSeen,
    ReturnSeen,
    RuleSeen,
)
from laurels.engine.explanations import (
    EventExplanation,
    MemberExplanation,
    PostingExplanation,
)
from laurels.engine.said import ATOMS, KINDS, LEVELS, REASONS, WHYS
from laurels.engine.spending_said import spending_said
from laurels.engine.wording import N_, PERS, ROUNDINGS, TYPES, Wording

Explanation = EventExplanation | PostingExplanation | MemberExplanation


def sentences(explanation: Explanation, lang: str) -> list[str]:
    """An explanation in words: en, ru; kk and ka as far as they are translated.

    Raises RequestError for an unknown language.
    """
    words = Wording(
        translator(lang), explanation.zone, explanation.currency, explanation.unit_titles
    )
    teller = Teller(words)
    if isinstance(explanation, EventExplanation):
        return list(teller.event(explanation))
    if isinstance(explanation, PostingExplanation):
        return list(teller.posting(explanation))
    return list(teller.member(explanation))


class Teller:
    """Says one explanation."""

    def __init__(self, words: Wording) -> None:
        self.words = words
        self.say = words.say

    def name(self, event: EventSeen) -> str:
        """`Purchase 17 of 5 October 2025 at 12:00`."""
        kind = event.title or self.words.named(TYPES, event.type)
        when = self.words.time(event.occurred_at)
        return self.say.gettext("{kind} {id} of {when}", kind=kind, id=event.id, when=when)

    # -- events --------------------------------------------------------------------------------

    def event(self, seen: EventExplanation) -> Iterator[str]:
        """What became of an event."""
        name = self.name(seen.event)
        for rule in seen.rules:
            if rule.granted:
                yield from self.gave(name, rule, seen.event.acts_at)
        if seen.reason is not None and seen.spending is None:
            yield self.nothing(name, seen)
        for rule in seen.rules:
            if not rule.granted:
                yield self.why_not(rule)
        for other in seen.elsewhere:
            text = (
                self.say.gettext("Rule {rule} of version {version} ended when version {next} came "
                                 "into force on {day}; it would have given {points}.",
                                 rule=other.rule, version=other.version, next=other.changed_by,
                                 day=self.words.day(other.at),
                                 points=self.words.points(other.unit, other.points))
                if other.reason == "version-ended"
                else self.say.gettext("Rule {rule} came only with version {version}, in force from "
                                      "{day}.", rule=other.rule, version=other.version,
                                      day=self.words.day(other.at))
            )  # fmt: skip
            yield text
        if seen.spending is not None:
            yield from spending_said(self.words, self.atom, name, seen.spending)
        if seen.returned is not None and seen.status != "waiting":
            yield from self.returned(name, seen.returned)
        if seen.spending is not None or seen.returned is not None:
            yield from self.drawn(seen.postings)
        if seen.corrected:
            yield self.say.ngettext(
                "{event} changed history: {count} posting was corrected.",
                "{event} changed history: {count} postings were corrected.",
                len(seen.corrected), event=name,
            )  # fmt: skip
        for level in seen.levels:
            yield from self.level(level)
        for each in seen.revised:
            yield self.corrected(each)

    def gave(self, name: str, rule: RuleSeen, at: int = 0) -> Iterator[str]:
        """What a rule gave, and how."""
        points = self.words.points(rule.unit, rule.granted)
        parts = [self.how(rule), *(self.cap(rule, each) for each in rule.caps)]
        if rule.stack is not None:
            parts.append(
                self.say.gettext("it was the one of group {group} that gives",
                                 group=rule.stack.name)
            )  # fmt: skip
        yield self.say.gettext("{event} earned {points}: {how}.", event=name, points=points,
                               how="; ".join(parts))  # fmt: skip
        yield self.terms(rule, at)

    def terms(self, rule: RuleSeen, at: int) -> str:
        """Which rule, and when the points become active and end."""
        say, words = self.say, self.words
        told = [say.gettext("Rule {rule}, version {version}.", rule=rule.rule,
                            version=rule.version)]  # fmt: skip
        if rule.waits:
            told.append(say.gettext("They wait until the member joins."))
        elif rule.active_at is not None and rule.active_at > at:
            told.append(say.gettext("Active from {when}.", when=words.time(rule.active_at)))
        if rule.expires_at is not None:
            told.append(say.gettext("They expire on {when}.", when=words.time(rule.expires_at)))
        elif not rule.waits:
            told.append(say.gettext("They never expire."))
        return " ".join(told)

    def how(self, rule: RuleSeen) -> str:
        """`10 % (category c5) of 50 000.00 KZT, rounded down`."""
        say, words, rate = self.say, self.words, rule.rate
        if rate is None:
            return say.gettext("as the rule says")
        table = ""
        if rate.by:
            key = rate.key or say.gettext("none")
            table = f" ({rate.by.partition('.')[2]} {key})"
        if rate.kind == "rate" and rate.rate is not None and rule.base is not None:
            return say.gettext(
                "{rate}{table} of {base}, {rounded}", rate=words.rate(rate.rate), table=table,
                base=words.money(rule.base), rounded=words.named(ROUNDINGS, rule.rounding),
            )  # fmt: skip
        if rate.kind == "per" and rate.points is not None and rate.every is not None:
            assert rule.base is not None
            return say.gettext(
                "{points} for each full {every} of {base}",
                points=words.points(rule.unit, rate.points), every=words.money(rate.every),
                base=words.money(rule.base),
            )  # fmt: skip
        if rate.kind == "multiply" and rate.total is not None and rate.rate is not None:
            return say.gettext(
                "{rate} more of the {points} of {rules}, {rounded}", rate=words.rate(rate.rate),
                points=words.points(rule.unit, rate.total), rules=", ".join(rate.of),
                rounded=words.named(ROUNDINGS, rule.rounding),
            )  # fmt: skip
        given = words.points(rule.unit, rule.raw)
        if rate.text:
            return say.gettext("{points} by {text}", points=given, text=rate.text)
        return say.gettext("a fixed {points}{table}", points=given, table=table)

    def cap(self, rule: RuleSeen, cap: CapSeen) -> str:
        """`limit month-limit (per month) had 100 000 left, 95 000 after`."""
        words = self.words
        per = words.named(PERS, cap.per)
        if cap.minimum is not None:
            return self.say.gettext(
                "{cap} asks for at least {least}", cap=cap.name,
                least=words.points(rule.unit, cap.minimum),
            )  # fmt: skip
        if cap.room_before is None or cap.room_after is None:
            return cap.name
        before, after = words.number(cap.room_before), words.number(cap.room_after)
        if cap.granted < cap.points:
            return self.say.gettext(
                "limit {cap} ({per}) had {before} left, so {points} became {granted}",
                cap=cap.name, per=per, before=before, points=words.number(cap.points),
                granted=words.number(cap.granted),
            )  # fmt: skip
        return self.say.gettext(
            "limit {cap} ({per}) had {before} left, {after} after", cap=cap.name, per=per,
            before=before, after=after,
        )  # fmt: skip

    def nothing(self, name: str, seen: EventExplanation) -> str:
        """Why an event earned nothing, in one sentence."""
        reason = seen.reason
        assert reason is not None
        text = self.say.gettext(
            REASONS[reason.code], attribute=reason.attribute, rule=reason.rule,
            value=reason.value or self.say.gettext("empty"), version=reason.version,
            day=self.words.day(reason.at) if reason.at is not None else "",
        )  # fmt: skip
        if reason.code in ("refused", "waiting", "withdrawn"):
            return self.say.gettext("{event}: {reason}.", event=name, reason=text)
        return self.say.gettext("{event} earned nothing: {reason}.", event=name, reason=text)

    def why_not(self, rule: RuleSeen) -> str:
        """`Rule p1-rate gave nothing: instrument is other, one of gold, red_plus was needed.`"""
        return self.say.gettext("Rule {rule} gave nothing: {why}.", rule=rule.rule,
                                why=self.why(rule))  # fmt: skip

    def why(self, rule: RuleSeen) -> str:
        """Why a rule gave nothing."""
        say, words = self.say, self.words
        failed = rule.failed()
        if failed is not None:
            if failed.word in ("started", "ended"):
                at = words.time(parse_instant(failed.limit, words.zone))
                return (
                    say.gettext("its offer begins on {when}", when=at)
                    if failed.word == "started"
                    else say.gettext("its offer ended on {when}", when=at)
                )
            if failed.word == "times":
                most, _, per = failed.limit.partition(" per ")
                return say.gettext("it gives {times} times {per} at most, and had", times=most,
                                   per=words.named(PERS, per))  # fmt: skip
            told = "; ".join(self.atom(each) for each in failed.missing)
            if failed.word == "membership":
                return say.gettext("the member does not take part yet ({why})", why=told)
            return told or failed.text
        if rule.reason == "lost-to-better-rule" and rule.stack is not None:
            return say.gettext("rule {winner} of group {group} gave instead",
                               winner=rule.stack.winner, group=rule.stack.name)  # fmt: skip
        if rule.caps and rule.reason in ("cap-exhausted", "below-minimum"):
            stopped = next((each for each in rule.caps if each.granted < each.points), None)
            if stopped is not None:
                return self.cap(rule, stopped)
        return say.gettext("{reason}: {how}", reason=say.gettext(REASONS[rule.reason]),
                           how=self.how(rule))  # fmt: skip

    def atom(self, atom: AtomSeen) -> str:
        """One comparison that did not hold."""
        key = ("not-" if atom.negated else "") + atom.op
        if not atom.name or key not in ATOMS:
            seen = ", ".join(f"{n} = {v}" for n, v in atom.values.items())
            return self.say.gettext("{text} did not hold ({seen})", text=atom.text, seen=seen)
        return self.say.gettext(
            ATOMS[key], name=atom.name.partition(".")[2],
            value=atom.value or self.say.gettext("empty"),
            needed=", ".join(each or self.say.gettext("empty") for each in atom.needed),
        )  # fmt: skip

    # -- movements -----------------------------------------------------------------------------

    def drawn(self, postings: Sequence[Drawn]) -> Iterator[str]:
        """What moved, in the order in which it left."""
        for each in postings:
            if each.kind in KINDS and each.kind != "earned":
                yield self.moved(each)

    def moved(self, each: Drawn) -> str:
        """`300 points spent, from the lot that ends on 1 April 2025.`"""
        words = self.words
        text = self.say.gettext(KINDS[each.kind], points=words.points(each.unit, each.points))
        if each.kind in ("debt", "waived"):
            return f"{text}."
        if each.expires_at is None:
            return self.say.gettext("{moved}, from points without an end.", moved=text)
        return self.say.gettext("{moved}, from points that end on {when}.", moved=text,
                                when=words.time(each.expires_at))  # fmt: skip

    def returned(self, name: str, seen: ReturnSeen) -> Iterator[str]:
        """What came back, and what the event keeps."""
        say, words = self.say, self.words
        yield say.gettext(
            "{event} gave back {amount} of {original}.",
            event=name,
            amount=words.money(seen.returned),
            original=self.name(seen.of),
        )
        if seen.policy == "as_if_never_bought":
            yield say.gettext("Everything was decided again as if it had never been bought.")
        for each in seen.grants:
            yield say.gettext(
                "Of {granted} by rule {rule} it keeps {kept}: "
                "{left} of {amount} remain, {rounded}.",
                granted=words.points(each.unit, each.granted), rule=each.rule,
                kept=words.points(each.unit, each.kept), left=words.money(each.left),
                amount=words.money(each.amount), rounded=words.named(ROUNDINGS, each.rounding),
            ) if seen.policy == "proportional" else say.gettext(
                "Of {granted} by rule {rule} it keeps {kept}.", rule=each.rule,
                granted=words.points(each.unit, each.granted),
                kept=words.points(each.unit, each.kept),
            )  # fmt: skip
            if each.expired and each.back():
                yield say.gettext("They had expired, so nothing is taken back.")

    def corrected(self, each: Correction) -> str:
        """Why history changed."""
        why = self.say.gettext(WHYS[each.code], event=self.name(each.by))
        return self.say.gettext(
            "Corrected on {when} because {why}: {was} became {now}.",
            when=self.words.time(each.posted_at), why=why,
            was=self.words.number(each.points_was), now=self.words.number(each.points_now),
        )  # fmt: skip

    # -- postings ------------------------------------------------------------------------------

    def posting(self, seen: PostingExplanation) -> Iterator[str]:
        """A posting's derivation."""
        say, words, posting = self.say, self.words, seen.posting
        name = self.name(seen.event) if seen.event else ""
        at = seen.event.acts_at if seen.event else posting.effective_at
        if seen.correction is not None:
            yield (
                say.gettext(KINDS[posting.kind], points=words.points(posting.unit, posting.points))
                + "."
            )
            yield self.corrected(seen.correction)
            for rule in (seen.correction.was, seen.correction.now):
                if rule is not None and rule.granted:
                    yield from self.gave(name, rule, at)
                elif rule is not None:
                    yield self.why_not(rule)
            return
        if seen.rule is not None:
            yield from self.gave(name or words.named(TYPES, "birthday"), seen.rule, at)
            return
        this = Drawn(posting.id, posting.kind, posting.unit, posting.points, posting.lot,
                     posting.expires_at, posting.funder)  # fmt: skip
        if seen.event is None:
            yield say.gettext("On {when}: {moved}", when=words.time(posting.effective_at),
                              moved=self.moved(this))  # fmt: skip
        else:
            yield say.gettext("{event}: {moved}", event=name, moved=self.moved(this))
        if seen.spending is not None:
            yield from spending_said(words, self.atom, name, seen.spending)
        if seen.returned is not None:
            yield from self.returned(name, seen.returned)
        if len(seen.together) > 1:
            yield say.gettext("All that moved with it, in order:")
            yield from self.drawn(seen.together)

    # -- members -------------------------------------------------------------------------------

    def member(self, seen: MemberExplanation) -> Iterator[str]:
        """A member's history."""
        say, words = self.say, self.words
        for each in seen.moments:
            what = say.gettext(KINDS[each.kind], points=words.points(each.unit, each.points))
            if each.corrects:
                what = say.gettext("{moved} (corrected)", moved=what)
            cause = f"{each.event_title} {each.event}".strip()
            yield say.gettext(
                "{when}: {what}{cause}; {active} active.", when=words.time(each.at),
                what=what,
                cause=f" ({cause})" if cause else "", active=words.number(each.active),
            )  # fmt: skip
        for change in seen.levels:
            yield from self.level(change)
        for now in seen.balances:
            yield say.gettext(
                "Now {active} active, {pending} pending, {held} held, {debt} owed.",
                active=words.points(now.unit, now.active), pending=words.number(now.pending),
                held=words.number(now.held), debt=words.number(now.debt),
            )  # fmt: skip
        for end in seen.expiries:
            yield say.gettext(
                "{points} expire on {when}.",
                points=words.points(end.unit, end.points),
                when=words.time(end.at),
            )

    def level(self, seen: LevelSeen) -> Iterator[str]:
        """A change of level."""
        say, words = self.say, self.words
        said = N_("{when}: {ladder} went from {before} to {after}, {why}.")
        if not seen.before:
            said = N_("{when}: {ladder} began at {after}, {why}.")
        elif not seen.after:
            said = N_("{when}: {ladder} went from {before} to no level, {why}.")
        yield say.gettext(
            said, when=words.time(seen.at), ladder=seen.ladder, before=seen.before,
            after=seen.after, why=say.gettext(LEVELS[seen.why]),
        )  # fmt: skip
        if seen.needs:
            told = ", ".join(self.need(each) for each in seen.needs)
            yield say.gettext("For {level}: {needs}.", level=seen.after, needs=told)
        if seen.missing:
            told = ", ".join(self.need(each) for each in seen.missing)
            yield say.gettext("Missing for the level above: {needs}.", needs=told)
        if seen.until is not None:
            yield say.gettext("It lasts until {when}.", when=words.time(seen.until))

    def need(self, need: NeedSeen) -> str:
        """`spend 812 000.00 (at least 700 000.00)`; by its text where it is no number."""
        if not need.least:
            return need.name
        value, least = (self.words.number(Decimal(each)) for each in (need.value, need.least))
        return (
            self.say.gettext("{name} {value} (more than {least})", name=need.name,
                             value=value, least=least)
            if need.strict
            else self.say.gettext("{name} {value} (at least {least})", name=need.name,
                                  value=value, least=least)
        )  # fmt: skip
