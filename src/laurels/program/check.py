"""What a program must keep to beyond its form: findings of `laurels check`."""

from __future__ import annotations

from laurels.program.link import link
from laurels.program.linked import Linked
from laurels.program.loader import Document


def check(document: Document) -> Linked:
    """Link a document and lint it. Raises ProgramError with every finding of the run."""
    return link(document)
