"""Events that were taken under an earlier text, read again under the present one.

A text may ask more of events than the one before: another required attribute, a narrower range, an
earlier end for late ones. That is asked of what comes in from now on. What was taken stands: what
it lacks is filled as if it had not been asked, so that a fold finds what was decided then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from laurels.base.errors import RequestError
from laurels.engine.compiled import Compiled
from laurels.engine.door import Door, Plan, Reader
from laurels.engine.events import Event, Raw
from laurels.engine.kernel import layout as K
from laurels.program import linked as L


class Standing(Door):
    """A door that asks nothing that an earlier text may not have asked."""

    def __init__(self, compiled: Compiled) -> None:
        super().__init__(compiled)
        self.reject_after = K.FAR
        self.encoders.clear()  # they read what is usual; this door, what is not

    def _plan(
        self, attributes: Mapping[str, L.Attribute], kind: str, columns: Mapping[str, int],
        prefix: str,
    ) -> Plan:  # fmt: skip
        asked = {name: eased(attribute) for name, attribute in attributes.items()}
        return super()._plan(asked, kind, columns, prefix)

    def _reader(self, attribute: L.Attribute, name: str) -> Reader:
        read = super()._reader(attribute, name)

        def read_or_leave(value: object, where: str) -> int:
            try:
                return read(value, where)
            except RequestError:
                return 0

        return read_or_leave

    def _money(self, event: Event, kind: L.EventType) -> None:
        super()._money(
            event, replace(kind, amount="optional") if kind.amount == "required" else kind
        )

    def _coder(self, name: str, values: tuple[str, ...] | None) -> Reader:
        del values
        return super()._coder(name, None)


def eased(attribute: L.Attribute) -> L.Attribute:
    """An attribute of which nothing is asked but its type."""
    return replace(attribute, required=False, values=None, low=None, high=None)


def read_standing(door: Door, raw: Raw, learned: int | None = None) -> Event:
    """Read an event that has passed a door before. Raises RequestError only for what no text of
    the program ever took."""
    try:
        return door.read(raw, learned)
    except RequestError:
        if door.standing is None:
            door.standing = Standing(door.compiled)
        return door.standing.read(raw, learned)
