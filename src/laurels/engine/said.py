"""Tables of texts: reasons, comparisons, kinds of movement, causes of corrections."""

from __future__ import annotations

from laurels.engine.wording import N_

REASONS = {
    "condition": N_("{attribute} is {value}, which rule {rule} does not take"),
    "audience": N_("rule {rule} is not for this member"),
    "not-a-member": N_("the member does not take part yet"),
    "no-offer": N_("no offer is for {attribute} {value}"),
    "offer-not-started": N_("the offer of rule {rule} has not begun"),
    "offer-ended": N_("the offer of rule {rule} has ended"),
    "version-ended": N_("rule {rule} ended when version {version} came into force on {day}"),
    "version-not-yet": N_("rule {rule} comes only with version {version} on {day}"),
    "no-rule": N_("no rule is about such events"),
    "cap-exhausted": N_("a limit had no room left"),
    "below-minimum": N_("it is below the minimum"),
    "zero-base": N_("there is nothing to earn on"),
    "zero-rate": N_("the rate is zero"),
    "rounds-to-zero": N_("it rounds to zero"),
    "lost-to-better-rule": N_("another rule gave instead"),
    "already-given": N_("rule {rule} had given as often as it may"),
    "refused": N_("it was refused"),
    "waiting": N_("it waits for the event that it names"),
    "withdrawn": N_("it was withdrawn"),
    "unread": N_("the program does not read such events"),
}
ATOMS = {
    "eq": N_("{name} is {value}, {needed} was needed"),
    "ne": N_("{name} is {value}, anything else was needed"),
    "in": N_("{name} is {value}, one of {needed} was needed"),
    "not-in": N_("{name} is {value}, none of {needed} was allowed"),
    "ge": N_("{name} is {value}, at least {needed} was needed"),
    "gt": N_("{name} is {value}, more than {needed} was needed"),
    "le": N_("{name} is {value}, at most {needed} was needed"),
    "lt": N_("{name} is {value}, less than {needed} was needed"),
    "at_least": N_("{name} is {value}, {needed} or higher was needed"),
    "is": N_("{name} does not hold"),
    "not-is": N_("{name} holds and should not"),
    "starts_with": N_("{name} is {value}, it should begin with {needed}"),
    "not-starts_with": N_("{name} is {value}, it should not begin with {needed}"),
    "ends_with": N_("{name} is {value}, it should end with {needed}"),
    "contains": N_("{name} is {value}, it should contain {needed}"),
}
KINDS = {
    "earned": N_("{points} earned"),
    "activated": N_("{points} became active"),
    "spent": N_("{points} spent"),
    "expired": N_("{points} expired"),
    "taken_back": N_("{points} taken back"),
    "debt": N_("{points} owed, because no lot held them"),
    "debt_paid": N_("{points} paid what was owed"),
    "held": N_("{points} set aside"),
    "released": N_("{points} given back"),
    "adjusted": N_("{points} adjusted by hand"),
    "transferred": N_("{points} transferred"),
    "waived": N_("{points} waived, because no lot held them"),
}
WHYS = {
    "late": N_("{event} became known late"),
    "withdrawn": N_("{event} took back an event that never was"),
    "return": N_("{event} made it as if never bought"),
    "return-withdrawn": N_("{event} took back a return that never was"),
}
LEVELS = {
    "rise": N_("because its conditions were met"),
    "close": N_("at the close of the period"),
    "term-end": N_("at the end of its term"),
    "version": N_("with a new version"),
}
REFUSALS = {
    "refused-before": N_("it had been refused before"),
    "not-spendable": N_("the unit cannot be spent"),
    "no-points": N_("no points were asked for"),
    "pays-unknown": N_("what it pays is not known"),
    "not-accepted-here": N_("points are not accepted here"),
    "below-minimum": N_("it is below the least number of points"),
    "above-limit": N_("it is above the limit"),
    "too-often": N_("it was done as often as allowed"),
    "not-covered": N_("the balance does not cover it"),
    "hold-unknown": N_("the hold is not known"),
    "hold-ended": N_("the hold has ended"),
    "above-hold": N_("it is more than is held"),
    "not-transferable": N_("the unit cannot be transferred"),
}
