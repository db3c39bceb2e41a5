"""Names that a program's own source gives to the loop; here for the reader and the type checker.

The values are never read: the loop is translated together with the generated source, in which
each program defines them (see ``filling`` and the engine's generator).
"""

from __future__ import annotations

from typing import Any

UNITS = CAPS = FUNDERS = EFFECTS = RULES = LADDERS = LEVELS = LADDER_FIRST = WIDTH = STATE_SIZE = 0
EFFECT_RULE: tuple[int, ...] = ()
ONE_LINE: tuple[int, ...] = ()
PURCHASES: tuple[int, ...] = ()
AS_IF: tuple[int, ...] = ()
TYPE_RETURN = TYPE_REDEMPTION = TYPE_HOLD = TYPE_CAPTURE = TYPE_VOID = TYPE_TRANSFER = 0
TYPE_WITHDRAWN = TYPE_SEALED = 0

step: Any = None
advance: Any = None
fill: Any = None
