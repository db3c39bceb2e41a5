"""What an expression may name: the caller's declaration of names, currency and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cel_expr_python import cel

from laurels.program.expr import cel as front
from laurels.program.expr.ir import PLAIN, Dim, Type, known_dim

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_KEYWORDS = frozenset({"true", "false", "null", "in"})


@dataclass(frozen=True)
class NameInfo:
    """The type and dimension of a name.

    `values` closes the set of a string's values (the empty string, meaning absent, is always
    allowed besides). With `ordered` they are the levels of a ladder, lowest first.
    """

    type: Type
    dim: Dim = PLAIN
    values: tuple[str, ...] | None = None
    ordered: bool = False


@dataclass(frozen=True, eq=False)
class Scope:
    """The names that an expression may use, and what `money` and `points` mean in it.

    `exponent` is the number of decimals of the currency, and `units` gives those of each unit.
    Names are identifiers joined by dots. Raises ValueError for a name that CEL could not read and
    for a declaration that contradicts itself.
    """

    names: Mapping[str, NameInfo]
    currency: str = ""
    exponent: int = 2
    units: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, info in self.names.items():
            if not _PATH.match(name) or _KEYWORDS & set(name.split(".")):
                raise ValueError(f"{name!r} cannot be a name in an expression")
            if not known_dim(info.dim) or (info.dim != PLAIN and info.type != "int"):
                raise ValueError(f"{name}: dimension {info.dim!r} does not fit type {info.type}")
            if info.values is not None and info.type != "string":
                raise ValueError(f"{name}: only strings have a set of values")
            if info.ordered and not info.values:
                raise ValueError(f"{name}: a ladder needs its levels")

    @cached_property
    def environment(self) -> cel.Env:
        """The CEL environment that declares these names."""
        return front.environment({name: info.type for name, info in self.names.items()})
