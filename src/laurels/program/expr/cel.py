"""The front end: CEL text, parsed and type-checked by cel-expr-python, as a small tree.

The library hands out its checked tree only as a serialized protobuf (`cel.expr.CheckedExpr`). The
few messages that we need are decoded here by hand, so that no protobuf runtime and no generated
code is needed. Field numbers: cel-spec, proto/cel/expr/{checked,syntax}.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cel_expr_python import cel

from laurels.program.expr import errors, refusals
from laurels.program.expr.refusals import start_of

if TYPE_CHECKING:
    from laurels.program.expr.ir import Type

LENGTH_MAX = 10_000
"""Longest text that is read, in characters. The library's own limit is on nesting (32)."""

Kind: TypeAlias = Literal["const", "ident", "select", "call", "list", "struct", "comprehension"]
Field: TypeAlias = tuple[int, int | bytes]

_TYPES = {
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "string": cel.Type.STRING,
    "instant": cel.Type.TIMESTAMP,
}
_CONSTANTS = {
    1: "null",
    2: "bool",
    3: "int",
    4: "uint",
    5: "double",
    6: "string",
    7: "bytes",
    8: "duration",
    9: "timestamp",
}

FUNCTIONS: Mapping[str, tuple[str, cel.Type, tuple[cel.Type, ...]]] = {
    "money": ("money_string", cel.Type.INT, (cel.Type.STRING,)),
    "points": ("points_string_string", cel.Type.INT, (cel.Type.STRING, cel.Type.STRING)),
    "at_least": ("at_least_string_string", cel.Type.BOOL, (cel.Type.STRING, cel.Type.STRING)),
    "min": ("min_int_int", cel.Type.INT, (cel.Type.INT, cel.Type.INT)),
    "max": ("max_int_int", cel.Type.INT, (cel.Type.INT, cel.Type.INT)),
}
"""Functions that we declare beside CEL's own: name to overload id, result, parameters."""


@dataclass(frozen=True)
class Tree:
    """A node of the checked CEL tree.

    `name` is the name of an ident, the function of a call, the field of a select or the kind of a
    constant. The target of a member call is its first argument.
    """

    kind: Kind
    offset: int
    name: str = ""
    value: int | float | bool | str | bytes | None = None
    args: tuple[Tree, ...] = ()
    presence: bool = False
    """The node was written `has(...)`."""


def environment(names: Mapping[str, Type]) -> cel.Env:
    """The CEL environment for these names and our functions (declared, without bodies)."""
    declarations = [
        cel.FunctionDecl(name, [cel.Overload(id, return_type=result, parameters=list(parameters))])
        for name, (id, result, parameters) in FUNCTIONS.items()
    ]
    variables = {name: _TYPES[type] for name, type in names.items()}
    return cel.NewEnv(variables=variables, functions=declarations)


def parse(text: str, env: cel.Env, names: Mapping[str, object]) -> Tree:
    """Parse and type-check; raises ExpressionError with every message of the checker."""
    _readable(text)
    try:
        serialized = env.compile(text).serialize()
    except RuntimeError as refusal:
        raise errors.ExpressionError(refusals.problems(str(refusal), text, names)) from None
    return _decode(serialized, text)


def _readable(text: object) -> None:
    """Refuse what the library would answer with a crash of its own: lone surrogates, no text."""
    message = ""
    if not isinstance(text, str):
        message, text = "an expression is text", ""
    elif len(text) > LENGTH_MAX:
        message = f"the expression is longer than {LENGTH_MAX} characters"
    elif not text.strip():
        message = "the expression is empty"
    elif any("\ud800" <= char <= "\udfff" for char in text):
        message = "the expression is not valid Unicode"
    if message:
        raise errors.ExpressionError([errors.problem(errors.SYNTAX, message, text, 0)])


# --- the checked tree -------------------------------------------------------------------------


def _decode(serialized: bytes, text: str) -> Tree:
    """The tree inside `Any { type_url = 1; value = 2: CheckedExpr { expr = 4, source = 5 } }`."""
    checked = dict(_fields(_message(dict(_fields(serialized))[2])))
    offsets: dict[int, int] = {}
    for number, value in _fields(_message(checked.get(5, b""))):
        if number == 4:
            entry = dict(_fields(_message(value)))
            offsets[_int(entry.get(1, 0))] = _int(entry.get(2, 0))
    return _expr(_message(checked[4]), offsets, text)


def _expr(data: bytes, offsets: Mapping[int, int], text: str) -> Tree:
    fields = dict(_fields(data))
    offset = offsets.get(_int(fields.get(2, 0)), 0)
    for number, read in _READERS.items():
        if number in fields:
            return read(_message(fields[number]), offset, offsets, text)
    return Tree("struct", offset)


def _const(data: bytes, offset: int, _offsets: Mapping[int, int], _text: str) -> Tree:
    ((number, raw),) = _fields(data)
    kind = _CONSTANTS[number]
    value: int | float | bool | str | bytes | None = None
    if kind == "bool":
        value = bool(raw)
    elif kind == "int":
        value = _signed(_int(raw))
    elif kind == "string":
        value = _message(raw).decode()
    elif kind == "double":
        value = float(struct.unpack("<d", _message(raw))[0])
    return Tree("const", offset, kind, value)


def _ident(data: bytes, offset: int, _offsets: Mapping[int, int], text: str) -> Tree:
    name = _text_field(data, 1).removeprefix(".")
    # The checker turns has(a.b) of a dotted name into the plain name; only its place, the
    # bracket, still tells.
    presence = text[offset : offset + 1] == "("
    return Tree("ident", start_of(name, text, offset), name, presence=presence)


def _select(data: bytes, offset: int, offsets: Mapping[int, int], text: str) -> Tree:
    fields = dict(_fields(data))
    operand = _expr(_message(fields.get(1, b"")), offsets, text)
    return Tree("select", offset, _text_field(data, 2), args=(operand,), presence=3 in fields)


def _call(data: bytes, offset: int, offsets: Mapping[int, int], text: str) -> Tree:
    target = [_message(value) for number, value in _fields(data) if number == 1]
    rest = [_message(value) for number, value in _fields(data) if number == 3]
    args = tuple(_expr(each, offsets, text) for each in target + rest)
    name = _text_field(data, 2)
    return Tree("call", start_of(name, text, offset), name, args=args)


def _list(data: bytes, offset: int, offsets: Mapping[int, int], text: str) -> Tree:
    items = [_message(value) for number, value in _fields(data) if number == 1]
    return Tree("list", offset, args=tuple(_expr(each, offsets, text) for each in items))


def _struct(_data: bytes, offset: int, _offsets: Mapping[int, int], _text: str) -> Tree:
    return Tree("struct", offset)


def _comprehension(_data: bytes, offset: int, _offsets: Mapping[int, int], _text: str) -> Tree:
    return Tree("comprehension", offset)


_READERS = {
    3: _const,
    4: _ident,
    5: _select,
    6: _call,
    7: _list,
    8: _struct,
    9: _comprehension,
}


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of a protobuf message: number, and an int (varint) or the bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        else:
            size = 8 if wire == 1 else 4
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _int(value: int | bytes) -> int:
    assert isinstance(value, int)
    return value


def _message(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def _text_field(data: bytes, wanted: int) -> str:
    return next((_message(v).decode() for number, v in _fields(data) if number == wanted), "")
