"""Tables of rates or points, by level or by attribute: rules and caps have them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from laurels.base.numbers import RATE_BOUND
from laurels.program import linked
from laurels.program.expr import NameInfo
from laurels.program.form import KeyPath
from laurels.program.link.base import Part


class Tables(Part):
    """Resolves tables."""

    def table(
        self,
        given: Mapping[str, str],
        path: KeyPath,
        scope: Mapping[str, NameInfo],
        scale: int | None,
        steps: Fraction | None,
    ) -> linked.Table | None:
        """A table of rates (``steps``) or of points (``scale``) by level or by attribute."""
        by = given.get("by", "")
        kind, _, name = by.partition(".")
        # Codes of `event.type` are the program's: one rule for each type instead.
        known = [
            each
            for each, info in scope.items()
            if info.type == "string"
            and each.split(".")[0] in ("level", "event")
            and each != "event.type"
        ]
        if by not in known:
            self.unknown((*path, "by"), "level or attribute", by, known)
        values = scope[by].values if by in known else None
        entries: dict[str, tuple[int, int]] = {}
        otherwise = (0, 1)
        for key, text in given.items():
            if key == "by":
                continue
            if steps is not None:
                found = self.rate(text, (*path, key)) * steps
            else:
                found = Fraction(self.number(text, scale or 0, (*path, key)))
            if found < 0:
                self.wrong((*path, key), "table-value", f"`{text}` is below zero", "0 or more")
            if steps is not None and max(found.numerator, found.denominator) > RATE_BOUND:
                self.inexact((*path, key), text, found)
            if not key.isprintable():  # it stands in the source that is generated
                self.wrong(
                    (*path, key),
                    "table-value",
                    "a value holds a character that is not printable",
                    "printable characters",
                )
            if key in ("otherwise", "none"):
                otherwise = (found.numerator, found.denominator)
                continue
            if values is not None and key not in values:
                self.unknown((*path, key), "value of " + by, key, values)
            entries[key] = (found.numerator, found.denominator)
        if by not in known:
            return None
        return linked.Table("level" if kind == "level" else "event", name, entries, otherwise)
