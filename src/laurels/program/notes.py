"""What the linker and the lint write down: findings, each with the part of the file it is about."""

from __future__ import annotations

from laurels.program.expr import ExpressionError
from laurels.program.form import KeyPath
from laurels.program.loader import Document, Placed


class Notes:
    """Findings about one document, in no order."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Placed] = []

    def wrong(
        self, path: KeyPath, code: str, message: str, expected: str = "", hint: str = ""
    ) -> None:
        """An error."""
        found = self.document.finding(path, code, message, expected=expected, hint=hint)
        self.findings.append(Placed(path, found))

    def odd(
        self, path: KeyPath, code: str, message: str, expected: str = "", hint: str = ""
    ) -> None:
        """A warning."""
        found = self.document.finding(
            path, code, message, expected=expected, hint=hint, severity="warning"
        )
        self.findings.append(Placed(path, found))

    def misread(self, path: KeyPath, error: ExpressionError) -> None:
        """Every problem of an expression, at its place in the text."""
        for each in error.problems:
            found = self.document.finding(
                path,
                each.code,
                each.message,
                expected=each.expected,
                hint=each.hint,
                offset=(each.line, each.column),
            )
            self.findings.append(Placed(path, found))
