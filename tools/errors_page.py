"""Print docs/errors.md from the table of codes: `make docs`."""

from laurels.base.errors import CODES, Family

HEADINGS: dict[Family, str] = {
    "refused": "Refused: the rules say no. The member is told why.",
    "program": "Program: the document is wrong. For the program manager.",
    "request": "Request: the caller is wrong. For whoever sends events and files.",
    "unavailable": "Unavailable: the world is wrong. Repeat with the same identity.",
    "fault": "Fault: Laurels is wrong. Nothing was written; please report it.",
}


def page() -> str:
    """The page, as it must stand in docs/errors.md."""
    lines = [
        "# Error codes",
        "",
        "Codes are stable. The family says who is asked to act. This page is printed from",
        "`src/laurels/base/errors.py`; change it there, then `make docs`.",
    ]
    for family, heading in HEADINGS.items():
        codes = sorted((code, text) for code, (of, text) in CODES.items() if of == family)
        lines += ["", f"## {heading}", ""]
        if codes:
            lines += ["| Code | Meaning |", "|---|---|"]
            lines += [f"| `{code}` | {text} |" for code, text in codes]
        else:
            lines.append("None so far.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
