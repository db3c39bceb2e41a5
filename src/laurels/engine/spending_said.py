"""A request to spend in words: what was asked, which limit met it, what was allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from laurels.engine.explained import AtomSeen, LimitSeen, SpendingSeen
from laurels.engine.said import REFUSALS
from laurels.engine.wording import PERS, Wording


def spending_said(
    words: Wording, atom: Callable[[AtomSeen], str], name: str, seen: SpendingSeen
) -> Iterator[str]:
    """Whether it was accepted, and by which limit not."""
    say = words.say
    asked = words.points(seen.unit, seen.asked)
    if not seen.refusal:
        moved = words.points(seen.unit, seen.moved)
        if seen.fact:
            yield say.gettext("{event} was a fact: {moved}.", event=name, moved=moved)
        elif not seen.asked:
            yield say.gettext("{event} was accepted for {moved}.", event=name, moved=moved)
        else:
            yield say.gettext("{event} asked for {asked} and was accepted for {moved}.",
                              event=name, asked=asked, moved=moved)  # fmt: skip
        for limit in seen.limits:
            if limit.clip and limit.allowed is not None and limit.asked > limit.allowed:
                yield _limit(words, atom, seen.unit, limit)
        return
    why = say.gettext(REFUSALS[seen.refusal])
    if seen.asked:
        yield say.gettext("{event} asked for {asked} and was refused: {why}.", event=name,
                          asked=asked, why=why)  # fmt: skip
    else:
        yield say.gettext("{event} was refused: {why}.", event=name, why=why)
    refused = seen.refused_by()
    if refused is not None:
        yield _limit(words, atom, seen.unit, refused)


def _limit(words: Wording, atom: Callable[[AtomSeen], str], unit: str, limit: LimitSeen) -> str:
    """One limit."""
    say = words.say
    allowed = words.points(unit, limit.allowed) if limit.allowed is not None else ""
    if limit.test == "share" and limit.share is not None and limit.price is not None:
        return say.gettext(
            "Limit {limit}: points pay at most {share} of {price}, which allows {allowed}.",
            limit=limit.name, share=words.rate(limit.share), price=words.money(limit.price),
            allowed=allowed,
        )  # fmt: skip
    if limit.test == "minimum":
        return say.gettext("Limit {limit}: at least {allowed}.", limit=limit.name, allowed=allowed)
    if limit.test == "maximum":
        return say.gettext("Limit {limit}: at most {allowed}.", limit=limit.name, allowed=allowed)
    if limit.test == "times":
        most, _, per = limit.count.partition(" per ")
        return say.gettext("Limit {limit}: {times} times {per} at most.", limit=limit.name,
                           times=most, per=words.named(PERS, per))  # fmt: skip
    if limit.test == "only_if":
        told = "; ".join(atom(each) for each in limit.missing)
        return say.gettext("Limit {limit}: {why}.", limit=limit.name, why=told)
    if limit.test == "balance":
        return say.gettext("The balance is {allowed}.", allowed=allowed)
    return say.gettext("Nothing could be allowed.")
