"""What is wrong, or odd, with a program whose names and numbers are all resolved.

base      what every part works with; the ranges of names
bounds    sums and products that could leave 64 bits
events    event types that nothing reads, attributes with odd ranges
versions  numbers, dates and order of versions
ladders   levels that cannot be reached, are weaker than lower ones, or clash
rules     awards, offers, what is not bought, rules that never fire
limits    stacking, caps, limits of spending
"""

from __future__ import annotations

from laurels.program.linked import Linked
from laurels.program.lint.bounds import Bounds
from laurels.program.lint.events import Events
from laurels.program.lint.ladders import Ladders
from laurels.program.lint.limits import Limits
from laurels.program.lint.rules import Rules
from laurels.program.lint.versions import Versions
from laurels.program.loader import Document, Placed


def lint(document: Document, linked: Linked) -> list[Placed]:
    """Every finding about a program that is linked without errors, in no order."""
    findings: list[Placed] = []
    for kind in (Versions, Events, Bounds, Ladders, Rules, Limits):
        part = kind(document, linked)
        part.run()
        findings += part.findings
    return findings
