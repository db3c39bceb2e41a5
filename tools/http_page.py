"""Print the table of permissions into docs/http.md: `make docs`."""

from pathlib import Path

from laurels.service.permissions import PERMISSIONS, ROLES

PAGE = Path(__file__).parent.parent / "docs" / "http.md"
START, END = "<!-- permissions -->\n", "<!-- /permissions -->"


def table() -> str:
    """A row for each command."""
    return "".join(
        f"| `{command}` | {', '.join(role for role in ROLES if role in roles)} |\n"
        for command, roles in PERMISSIONS.items()
    )


def page(text: str) -> str:
    """The page with the table as it must stand there."""
    before, _, rest = text.partition(START)
    return before + START + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
