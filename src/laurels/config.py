"""Settings: what an owner decides outside the program file. All come from the environment.

The table is the documentation: docs/settings.md is printed from it. Options of `laurels serve`
win over the environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from laurels.base.errors import RequestError

KEY_LEAST = 32
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of the environment.

    read     from text to value; raises ValueError, whose text says what was expected
    default  as it would be written; what it means when empty stands in `meaning`
    """

    name: str
    field: str
    read: Callable[[str], Any]
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The values. One field for each row of the table."""

    database_url: str
    owner_database_url: str
    sandbox_database_url: str
    data: Path | None
    postgres_bin: str
    programs: Path | None
    host: str
    port: int
    workers: int
    pool_size: int
    jobs: bool
    adjustment_limit: Decimal | None
    webhook_key: bytes
    webhooks: bool
    webhook_networks: str
    log_level: str

    def changed(self, **options: object) -> Settings:
        """The same with options of a command line; those that are None change nothing."""
        given: dict[str, Any] = {name: each for name, each in options.items() if each is not None}
        return replace(self, **given)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not low <= int(text[:10]) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _switch(text: str) -> bool:
    if text not in {"on", "off"}:
        raise ValueError("on or off")
    return text == "on"


def _key(text: str) -> bytes:
    if text and len(text) < KEY_LEAST:
        raise ValueError(f"at least {KEY_LEAST} characters, made by chance")
    return text.encode()


def _points(text: str) -> Decimal | None:
    if not re.fullmatch(r"([0-9]{1,15}(\.[0-9]{1,9})?)?", text):
        raise ValueError("points such as 5000")
    return Decimal(text) if text else None


def _folder(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _database(text: str) -> str:
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("postgresql://user:password@host:5432/database")
    return text


def _level(text: str) -> str:
    if text not in LEVELS:
        raise ValueError("one of " + ", ".join(LEVELS))
    return text


SETTINGS = (
    Setting("LAURELS_DATABASE_URL", "database_url", _database, "",
            "The PostgreSQL to serve from, as the service's role. Empty: the embedded one."),
    Setting("LAURELS_OWNER_DATABASE_URL", "owner_database_url", _database, "",
            "The same database as the role that owns it: migrations run as this one. Empty: as"
            " LAURELS_DATABASE_URL, and then the service could rewrite what it posted."),
    Setting("LAURELS_SANDBOX_DATABASE_URL", "sandbox_database_url", _database, "",
            "A second database, with a test clock, behind keys that begin with `lt_`. Empty: none;"
            " with the embedded server, the database `laurels_sandbox` beside the other."),
    Setting("LAURELS_DATA", "data", _folder, "",
            "The folder of the embedded server. Empty: /var/lib/laurels for root, else `laurels`"
            " in the user's data folder (XDG_DATA_HOME, or ~/.local/share)."),
    Setting("LAURELS_POSTGRES_BIN", "postgres_bin", str, "",
            "Where initdb, pg_ctl and postgres of the embedded server are. Empty: those of the"
            " distribution, else those of laurels[embedded]."),
    Setting("LAURELS_PROGRAMS", "programs", _folder, "",
            "A folder with program files (`*.yaml`, or `*/program.yaml`): those that changed are"
            " published at start. Empty: programs are published over HTTP only."),
    Setting("LAURELS_HOST", "host", str, "127.0.0.1",
            "The address that HTTP is served on. Put a proxy with TLS before any other than this."),
    Setting("LAURELS_PORT", "port", _whole(0, 65535), "8080", "Its port; 0: any that is free."),
    Setting("LAURELS_WORKERS", "workers", _whole(1, 64), "1",
            "Processes that serve HTTP. Requests that arrive together are written together, so one"
            " is best until its core is busy."),
    Setting("LAURELS_POOL_SIZE", "pool_size", _whole(2, 100), "4",
            "Connections of one process to the database, besides two for jobs and webhooks."),
    Setting("LAURELS_JOBS", "jobs", _switch, "on",
            "Whether this process runs jobs. They can run in any number of processes."),
    Setting("LAURELS_ADJUSTMENT_LIMIT", "adjustment_limit", _points, "",
            "Points above which an adjustment by hand is proposed, and posted when another key"
            " approves it. Empty: none is."),
    Setting("LAURELS_WEBHOOK_KEY", "webhook_key", _key, "",
            "A key of the server, at least 32 characters made by chance: secrets of webhooks are"
            " made from it, and the database alone signs nothing. Endpoints that were made with it"
            " need it for good. Empty: secrets stand in the database as they are."),
    Setting("LAURELS_WEBHOOKS", "webhooks", _switch, "on",
            "Whether this process delivers webhooks. Any number of processes can."),
    Setting("LAURELS_WEBHOOK_NETWORKS", "webhook_networks", str, "",
            "Networks that webhooks may call though they are not public, such as 10.1.0.0/16."),
    Setting("LAURELS_LOG", "log_level", _level, "info",
            "The least level that is logged: " + ", ".join(LEVELS) + "."),
)  # fmt: skip


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment.

    Raises: RequestError, codes environment-unknown (no setting has the name), environment-wrong
    """
    known = {each.name for each in SETTINGS}
    strange = sorted(
        name for name in environment if name.startswith("LAURELS_") and name not in known
        and not name.startswith("LAURELS_TEST_")
    )  # fmt: skip
    if strange:
        raise RequestError(
            "environment-unknown", f"there is no setting {strange[0]}", where=strange[0],
            expected="one of " + ", ".join(sorted(known)),
        )  # fmt: skip
    values = {}
    for each in SETTINGS:
        try:
            values[each.field] = each.read(environment.get(each.name, "").strip() or each.default)
        except ValueError as error:
            raise RequestError(
                "environment-wrong", f"{each.name} cannot be read", where=each.name,
                expected=str(error),
            ) from None  # fmt: skip
    return Settings(**values)
