"""Databases for tests, of the server that `laurels.testing` starts once for a process."""

from __future__ import annotations

from laurels.store.roles import OWNER_ROLE
from laurels.testing import empty_database, made_url, throwaway_database


def fresh_database(migrated: bool = True, role: str = OWNER_ROLE) -> str:
    """The conninfo of a database of its own."""
    if not migrated:
        return made_url(empty_database(), role)
    made = throwaway_database()
    return made.owner if role == OWNER_ROLE else made.service
