"""Print docs/program-reference.md from the model of the program file: `make docs`."""

from laurels.program.schema import Part, parts

INTRODUCTION = """\
# The program file: every key

Printed from `src/laurels/program/model.py`; change it there, then `make docs`. The same as JSON
Schema is `docs/program.schema.json`. An editor completes keys where the file begins with

```yaml
# yaml-language-server: $schema=https://.../program.schema.json
```

with the path or address under which you keep the schema.

Numbers are read as they are written: `0.1` is never a binary fraction. Where a list of names may
stand, one name may stand alone. Times without an offset are in the program's zone. A *name* is
small letters, digits and `_`; a *slug* may have `-` too.
"""


def page() -> str:
    """The page, as it must stand in docs/program-reference.md."""
    lines = [INTRODUCTION.rstrip()]
    for part in parts():
        lines += ["", f"## {part.title}", "", part.description]
        if part.places:
            lines += ["", "Stands at " + ", ".join(f"`{each}`" for each in part.places) + "."]
        lines += ["", "| Key | Value | Default | Meaning |", "|---|---|---|---|"]
        lines += rows(part)
    return "\n".join(lines) + "\n"


def rows(part: Part) -> list[str]:
    """One row for each key."""
    return [
        f"| `{key.name}` | {key.type} | {key.default} | {key.description} |".replace("  |", " |")
        for key in part.keys
    ]


if __name__ == "__main__":
    print(page(), end="")
