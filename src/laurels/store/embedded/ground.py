"""The folder on disk, the account that runs the server, and how programs are started as it.

PostgreSQL refuses to run as root. When root starts Laurels the server therefore runs as another
account: the owner of the folder's data; for a new folder `laurels` or, where the distribution's
server made it, `postgres`; and where there is neither, a system account `laurels` is made (no
password, no shell, no home).

Nothing outside the folder is changed. A folder that the account cannot reach is refused, with the
directory that is in the way; programs that it cannot reach (a virtual environment below /root) are
copied into the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laurels.base.errors import Unavailable
from laurels.store.embedded.binaries import WHEEL, WHEEL_BIN, Binaries

ACCOUNT = "laurels"
PREFERRED_ACCOUNTS = (ACCOUNT, "postgres")
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_MAX = 103  # macOS; Linux has room for 107


def default_folder() -> Path:
    """Where data lies when nobody says: /var/lib/laurels for root, else the user's data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/laurels")
    home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG rules: a relative path is to be ignored.
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    return base / "laurels"


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder for one server, prepared and reachable.

    cluster  what PostgreSQL calls its data folder; only the server's account may enter
    run      locks, and the socket; only the server's account (and root) may enter
    """

    root: Path
    account: Account

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.root / "postgres"

    @property
    def run(self) -> Path:
        """Locks, and the socket where its path is short enough."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """Seven days of the server's log."""
        return self.root / "log"

    @property
    def sockets(self) -> Path:
        """The folder of the socket: `run`, or one in the system's temporary folder.

        A socket's path has little room. The other folder's name is derived from the first, so that
        a second process finds it; it is used only while it belongs to the account and nobody else
        may enter.
        """
        if len(str(self.run / SOCKET_NAME)) <= SOCKET_PATH_MAX:
            return self.run
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return Path("/tmp") / f"laurels-{name}"

    def run_as_account(
        self, command: Sequence[str], *, check: bool = True, timeout: float | None = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL as the server's account, and wait.

        Raises: Unavailable, code database-command-failed, with what the program said
        """
        # Files, not pipes: a server that is started inherits them and would keep a pipe open.
        with tempfile.TemporaryFile("w+") as said:
            ran: subprocess.CompletedProcess[str] = subprocess.run(
                list(command), stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                check=False, text=True, timeout=timeout, **self.switch(),
            )  # fmt: skip
            said.seek(0)
            ran.stdout = said.read()
        if check and ran.returncode != 0:
            name = Path(command[0]).name
            raise Unavailable("database-command-failed", f"{name} failed: {ran.stdout.strip()}")
        return ran

    def switch(self) -> dict[str, Any]:
        """What subprocess needs to run something as the account, in a folder it may enter."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PG") and not name.startswith("LC_") and name != "LANG"
        } | {"LC_ALL": "C", "HOME": str(self.root)}
        found: dict[str, Any] = {"env": environment, "cwd": self.root}
        if os.geteuid() == 0 and self.account.uid != 0:
            found |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return found

    @contextmanager
    def lock(self, name: str, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
        """Hold a lock of the folder; False when `wait` is not wanted and another has it."""
        descriptor = self.open_lock(name)
        try:
            yield take_lock(descriptor, shared=shared, wait=wait)
        finally:
            os.close(descriptor)

    def open_lock(self, name: str) -> int:
        """The file of a lock. It belongs to the account, whoever makes it."""
        descriptor = os.open(self.run / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._give(descriptor)
        return descriptor

    def write(self, path: Path, text: str) -> None:
        """Write a file that only the account may read, in one step."""
        fresh = path.with_name(path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            self._give(file.fileno())
            file.write(text)
        fresh.replace(path)

    def _give(self, descriptor: int) -> None:
        if os.geteuid() == 0:
            os.fchown(descriptor, self.account.uid, self.account.gid)


def take_lock(descriptor: int, *, shared: bool, wait: bool) -> bool:
    """Lock an open file. Locks end with their process, however it ends."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def prepare(root: Path) -> Ground:
    """Make the folder and what belongs in it, where it is missing.

    Raises: Unavailable, code database-folder
    """
    root = root.expanduser().absolute()
    account = _account_for(root / "postgres")
    ground = Ground(root, account)
    try:
        if not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            _make_folder(root, account)
        for each in dict.fromkeys((ground.run, ground.log, ground.sockets)):
            _make_folder(each, account)
    except OSError as error:
        raise Unavailable(
            "database-folder",
            f"{root} cannot hold the data: {error.strerror}: {error.filename};"
            " choose a folder of yours with --data",
        ) from error
    _check_private(ground.sockets, account)
    _check_reach(ground)
    return ground


def look(root: Path) -> Ground:
    """The folder as it is; nothing is made."""
    root = root.expanduser().absolute()
    return Ground(root, _account_for(root / "postgres", make=False))


def reachable(ground: Ground, binaries: Binaries) -> Binaries:
    """The same programs, where the account can run them: in place, or as a copy in the folder.

    Raises: Unavailable, code database-binaries-missing
    """
    if _runs(ground, binaries.command("postgres")):
        return binaries
    if binaries.origin != "wheel":
        raise Unavailable(
            "database-binaries-missing",
            f"the account {ground.account.name} may not run the programs in {binaries.folder}",
        )
    package = binaries.folder.parent.parent
    home = ground.root / "server" / binaries.version
    copy = Binaries(home / WHEEL / WHEEL_BIN, binaries.version, "wheel")
    if not home.exists():
        _copy_server(package, home)
    if not _runs(ground, copy.command("postgres")):
        raise Unavailable(
            "database-binaries-missing",
            f"the account {ground.account.name} may not run the programs in {copy.folder}",
        )
    return copy


def _copy_server(package: Path, home: Path) -> None:
    """Copy the wheel's server and the libraries beside it; whole, or not at all."""
    fresh = home.with_name(home.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    _make_open_folder(home.parent)
    _make_open_folder(fresh)
    for source in (package / WHEEL_BIN).parent, package.with_name(f"{WHEEL}.libs"):
        if source.is_dir():
            target = fresh / source.relative_to(package.parent)
            shutil.copytree(source, target, symlinks=True,
                            ignore=shutil.ignore_patterns("*.a", "include"))  # fmt: skip
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    # Files of programs are read by the account, written by nobody but root.
    fresh.rename(home)


def _make_open_folder(path: Path) -> None:
    path.mkdir(mode=0o755, exist_ok=True)
    path.chmod(0o755)


def _runs(ground: Ground, program: str) -> bool:
    try:
        return ground.run_as_account([program, "--version"], check=False).returncode == 0
    except OSError:
        return False


def _make_folder(path: Path, account: Account) -> None:
    """A folder for the account alone; one that exists is left as it is."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)


def _check_private(path: Path, account: Account) -> None:
    """The socket's folder is the account's, and closed: whoever owns it could stand in for us."""
    found = path.lstat()
    if path.is_symlink() or found.st_uid != account.uid or found.st_mode & 0o077:
        raise Unavailable(
            "database-folder",
            f"{path} should belong to {account.name} with mode 0700; move it away and start again",
        )


def _check_reach(ground: Ground) -> None:
    """The account must be able to go to the folder; nobody opens a way for it."""
    if os.geteuid() != 0:
        return
    asked = ['for d in "$@"; do [ -x "$d" ] || { echo "$d"; exit 1; }; done']
    folders = [*reversed(ground.root.parents), ground.root]
    environment = ground.switch() | {"cwd": "/"}
    ran = subprocess.run(
        ["/bin/sh", "-c", *asked, "sh", *map(str, folders)],
        capture_output=True, text=True, check=False, **environment,
    )  # fmt: skip
    if ran.returncode != 0:
        raise Unavailable(
            "database-folder",
            f"the account {ground.account.name}, as which root runs the server, may not enter"
            f" {ran.stdout.strip()} on the way to {ground.root}; choose another folder with --data"
            f" (such as {default_folder()}), or run Laurels as the folder's owner",
        )


def _account_for(cluster: Path, *, make: bool = True) -> Account:
    """Who runs the server: the owner of the data, ourselves, or as root a system account."""
    uid = os.geteuid()
    try:
        owner = cluster.stat().st_uid
    except (FileNotFoundError, PermissionError):
        owner = None
    if uid != 0:
        if owner not in {None, uid}:
            raise Unavailable(
                "database-folder",
                f"the data in {cluster.parent} belongs to {_name_of(owner)}; run as that account,"
                " or choose another folder with --data",
            )
        return _account(pwd.getpwuid(uid))
    if owner:
        return _account(pwd.getpwuid(owner))
    for name in PREFERRED_ACCOUNTS:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    return _made_account() if make else _account(pwd.getpwuid(0))


def _made_account() -> Account:
    """A system account without password, shell or home."""
    command = ["useradd", "--system", "--user-group", "--no-create-home",
               "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", ACCOUNT]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        return _account(pwd.getpwnam(ACCOUNT))
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise Unavailable(
            "database-account",
            f"PostgreSQL does not run as root, and the account {ACCOUNT} could not be made"
            f" ({error}): make it (`useradd --system {ACCOUNT}`), or run Laurels as another user",
        ) from error


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _name_of(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"the account {uid}"
