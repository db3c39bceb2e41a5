"""The log of the server itself: one JSON object a line, on stderr. No personal data comes here."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog

Say = Callable[..., None]
"""say(event, level="info", **fields)"""


def log_to_stderr(level: str) -> Say:
    """A log of what is at least of this level; the logs of libraries come through it too."""
    least: int = getattr(logging, level.upper())
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )

    def say(event: str, level: str = "info", **fields: Any) -> None:
        if getattr(logging, level.upper()) >= least:
            getattr(logger, level)(event, **fields)

    logging.basicConfig(handlers=[_Through(say)], level=max(least, logging.WARNING), force=True)
    return say


class _Through(logging.Handler):
    """Passes on what libraries log, without its arguments: they could hold anything."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self._say("library", level, logger=record.name, template=str(record.msg)[:200], error=error)
