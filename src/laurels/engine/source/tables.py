"""Tables: a value for each level of a ladder or each value of an attribute."""

from __future__ import annotations

from laurels.engine.source.writer import Where, Writer
from laurels.program import linked as L


def write_table(w: Writer, table: L.Table, first: str, second: str | None) -> None:
    """Look a value up by level or attribute."""
    key = f"{table.by}.{table.name}"
    read = Where(w.slots, None).name(key)
    w.out.add(f"{first} = {table.otherwise[0]}")
    if second:
        w.out.add(f"{second} = {table.otherwise[1]}")
    if len(table.entries) > 1:
        w.out.add(f"key = {read}")
        read = "key"
    word = "if"
    for value, (numerator, denominator) in table.entries.items():
        body = [f"{first} = {numerator}"]
        if second:
            body.append(f"{second} = {denominator}")
        w.out.block(f"{word} {read} == {w.slots.code(key, value)}:  # {value}", body)
        word = "elif"
