"""What `laurels check` does: read everything that can be wrong with a program, in one run."""

from __future__ import annotations

from laurels.base.errors import Finding, ProgramError
from laurels.program import mending
from laurels.program.link import resolve
from laurels.program.linked import Linked
from laurels.program.lint import lint
from laurels.program.loader import Document


def check(document: Document) -> Linked:
    """Link a document and lint it.

    Raises ProgramError with every finding of the run, warnings included, where there is an error.
    Warnings alone raise nothing: `findings` has them.
    """
    linked, found = _examine(document)
    if linked is None or any(each.severity == "error" for each in found):
        raise ProgramError(found)
    return linked


def findings(document: Document) -> tuple[Finding, ...]:
    """Everything there is to say about a document, in the order of the file."""
    return _examine(document)[1]


def _examine(document: Document) -> tuple[Linked | None, tuple[Finding, ...]]:
    linked, wrong = resolve(document) if document.typed is not None else (None, [])
    if linked is None or wrong:
        linked, found = None, mending.findings(document)
    else:
        found = [each.finding for each in lint(document, linked)]
    found = list(dict.fromkeys(found))
    return linked, tuple(sorted(found, key=lambda each: (each.line, each.column)))
