"""Print docs/settings.md from the table of settings: `make docs`."""

from laurels.config import SETTINGS


def page() -> str:
    """The page, as it must stand in docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "All settings of a server come from its environment; a `LAURELS_` name that is none of",
        "these is refused at start. Options of `laurels serve` win over them. What a program does",
        "stands in the program file, never here. This page is printed from",
        "`src/laurels/config.py`; change it there, then `make docs`.",
        "",
        "| Setting | Default | Meaning |",
        "|---|---|---|",
    ]
    for each in SETTINGS:
        default = f"`{each.default}`" if each.default else ""
        lines.append(f"| `{each.name}` | {default} | {each.meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
