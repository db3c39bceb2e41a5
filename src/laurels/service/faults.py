"""What fails: the world around us, or we ourselves.

Our own mistakes are written to the log with the place, without the values that were there.
"""

from __future__ import annotations

import logging
import traceback

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from laurels.base.errors import Fault, LaurelsError, Unavailable

LOG = logging.getLogger("laurels.service")

DATABASE_FAILS = (
    psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, errors.ReadOnlySqlTransaction,
)  # fmt: skip
"""The database is not there, takes nothing, is full, or only reads."""


def world(error: Exception) -> LaurelsError | None:
    """A failure of the world as the caller is told it: come again. None: it is another failure."""
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, (TimeoutError, *DATABASE_FAILS)):
        return Unavailable("store-unreachable", f"the database failed: {error}")
    return None


def told(error: Exception, what: str) -> LaurelsError:
    """The error as a caller is told it. What is no error of our families is a fault, and every
    fault is logged."""
    if isinstance(error, LaurelsError) and not isinstance(error, Fault):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    LOG.error(f"{what}: {type(error).__name__} at {place}", exc_info=error)
    return error if isinstance(error, Fault) else Fault(f"{what}: {type(error).__name__}")
