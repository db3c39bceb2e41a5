"""Tables that leave values out."""

from __future__ import annotations

from laurels.program import linked
from laurels.program.form import KeyPath
from laurels.program.lint.base import Part, closed


def incomplete(
    part: Part, table: linked.Table | None, path: KeyPath, version: linked.Version
) -> None:
    """Warn where a level or a value of a closed set has no entry and nothing says `otherwise`."""
    if table is None or (*path, "otherwise") in part.document.places:
        return
    if table.by == "level":
        rules = [each.rules.get(version.index) for each in part.program.ladders
                 if each.name == table.name]  # fmt: skip
        values = [level.name for each in rules if each is not None for level in each.levels]
    else:
        sets = closed(part.program.events.values(), "event", "attributes")
        values = sorted(sets.get(f"event.{table.name}", frozenset()) - {""})
    missing = [value for value in values if value not in table.entries]
    if missing:
        part.odd(
            path,
            "table-incomplete",
            f"the table says nothing of {', '.join(f'`{each}`' for each in missing)}",
            "a line for each value, or `otherwise`",
        )
