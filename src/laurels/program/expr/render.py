"""Readable text: a tree written back as CEL, with the fewest brackets that keep its meaning."""

from __future__ import annotations

from collections.abc import Mapping

from laurels.program.expr.ir import Call, Const, Name, Node

_RELATIONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_MEMBERS = {"starts_with": "startsWith", "ends_with": "endsWith", "contains": "contains"}

# Operator, its own binding strength, and the least strength of its operands left and right.
_BINARY: Mapping[str, tuple[str, int, int, int]] = {
    "add": ("+", 5, 5, 6),
    "sub": ("-", 5, 5, 6),
    "mul": ("*", 6, 6, 7),
    "div": ("/", 6, 6, 7),
    "rem": ("%", 6, 6, 7),
    **{op: (sign, 4, 5, 5) for op, sign in _RELATIONS.items()},
}


def render(node: Node) -> str:
    """The expression as CEL text; compiling it again gives an equal tree."""
    return _render(node)[0]


def _render(node: Node) -> tuple[str, int]:
    """The text of a node and how strongly it binds (8 is an atom)."""
    if isinstance(node, Const):
        text = node.text or str(node.value)
        return text, 7 if text.startswith("-") else 8
    if isinstance(node, Name):
        return node.path, 8
    if node.op in _BINARY:
        sign, own, left, right = _BINARY[node.op]
        return f"{_at(node.args[0], left)} {sign} {_at(node.args[1], right)}", own
    if node.op in ("and", "or"):
        sign, own = ("&&", 3) if node.op == "and" else ("||", 2)
        return f" {sign} ".join(_at(arg, own + 1) for arg in node.args), own
    return _other(node)


def _other(node: Call) -> tuple[str, int]:
    if node.op in ("not", "neg"):
        return f"{'!' if node.op == 'not' else '-'}{_at(node.args[0], 8)}", 7
    if node.op == "if":
        condition, then, otherwise = (_at(arg, 2) for arg in node.args)
        return f"{condition} ? {then} : {otherwise}", 1
    if node.op == "in":
        items = ", ".join(render(item) for item in node.args[1:])
        return f"{_at(node.args[0], 5)} in [{items}]", 4
    if node.op in _MEMBERS:
        return f"{node_path(node.args[0])}.{_MEMBERS[node.op]}({render(node.args[1])})", 8
    return f"{node.op}({', '.join(render(arg) for arg in node.args)})", 8


def node_path(node: Node) -> str:
    """The path of a name."""
    assert isinstance(node, Name)
    return node.path


def _at(node: Node, least: int) -> str:
    text, strength = _render(node)
    return text if strength >= least else f"({text})"
