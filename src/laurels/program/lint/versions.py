"""Versions: their numbers, dates and order."""

from __future__ import annotations

from laurels.program.lint.base import Part


class Versions(Part):
    """Looks at each version and the one before it."""

    def run(self) -> None:
        """Numbers and dates ascend; what reaches into the past is said."""
        before = None
        for path, given, version in self.versions():
            if before is not None and version.number <= before.number:
                self.wrong(
                    (*path, "version"),
                    "version-number",
                    f"version {version.number} stands after version {before.number}",
                    f"{before.number + 1} or more",
                )
            if before is not None and version.effective_from <= before.effective_from:
                self.wrong(
                    (*path, "effective_from"),
                    "version-overlap",
                    f"version {version.number} is in force no later than version {before.number}",
                    "effective_from after that of the version before",
                )
            if given.published_at is not None and version.published_at > version.effective_from:
                self.odd(
                    (*path, "published_at"),
                    "version-published-late",
                    "the version is published after it came into force: what happened between "
                    "changes only by a correction",
                    "published_at no later than effective_from",
                )
            before = version
