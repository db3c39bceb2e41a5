"""Our own mistakes: written to the log with the place, without the values that were there."""

from __future__ import annotations

import logging
import traceback

from laurels.base.errors import Fault, LaurelsError

LOG = logging.getLogger("laurels.service")


def told(error: Exception, what: str) -> LaurelsError:
    """The error as a caller is told it. What is no error of our families is a fault, and every
    fault is logged."""
    if isinstance(error, LaurelsError) and not isinstance(error, Fault):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    LOG.error(f"{what}: {type(error).__name__} at {place}", exc_info=error)
    return error if isinstance(error, Fault) else Fault(f"{what}: {type(error).__name__}")
