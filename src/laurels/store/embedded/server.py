"""The life of the embedded server: start, find, share, stop, start again after a crash.

One server serves every process that uses the folder. Each of them holds a shared lock; the last one
to leave stops the server, unless `laurels db start` said to keep it. A process that is killed
leaves the server running; the next one finds it.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from laurels.base.errors import Unavailable
from laurels.store.embedded import configuration as conf
from laurels.store.embedded.binaries import Binaries, locate
from laurels.store.embedded.ground import SOCKET_NAME, Ground, look, prepare, reachable, take_lock
from laurels.store.roles import DATABASE, make_roles

START_SECONDS = 120
STOP_SECONDS = 120
# A server that was killed leaves processes behind that notice within a second or two.
LEFTOVER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Status:
    """What is there, seen from outside. Nothing is started or made to find out.

    version  of the data folder: "18"; empty when there is none
    pid      of the running server, or None
    kept     it stays when the last process that uses it has gone
    """

    folder: Path
    account: str
    version: str
    pid: int | None
    kept: bool
    in_use: bool


class EmbeddedServer:
    """A PostgreSQL in one folder of this machine.

    with EmbeddedServer(Path("/var/lib/laurels")) as server:
        psycopg.connect(server.url(SERVICE_ROLE))
    """

    def __init__(self, folder: Path, binaries: Binaries | None = None) -> None:
        self.folder = folder.expanduser().absolute()
        self._wanted = binaries
        self._binaries: Binaries | None = None
        self._ground: Ground | None = None
        self._use: int | None = None

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def ground(self) -> Ground:
        """The folder; known once the server was started, or looked at."""
        if self._ground is None:
            self._ground = look(self.folder)
        return self._ground

    @property
    def binaries(self) -> Binaries:
        """The PostgreSQL programs that serve this folder, where the account can run them."""
        if self._binaries is None:
            self._binaries = reachable(self.ground, self._fitting(self.ground))
        return self._binaries

    def start(self, *, keep: bool = False) -> None:
        """Use the server: find it, or start it, over a new data folder where there is none.

        keep  leave it running after the last process that uses it
        Raises: Unavailable, codes database-...
        """
        self._ground = ground = prepare(self.folder)
        self._binaries = reachable(ground, self._fitting(ground))
        with ground.lock("change"):
            if self._use is None:
                self._use = ground.open_lock("in-use")
                take_lock(self._use, shared=True, wait=True)
            try:
                if not (ground.cluster / "PG_VERSION").is_file():
                    self._make_cluster(ground)
                if running_pid(ground) is None:
                    self._start(ground)
                make_roles(self.url(conf.SUPERUSER, "postgres"))
            except BaseException:
                self._leave()
                raise
            if keep:
                ground.write(ground.run / "keep", "")

    def ensure_running(self) -> bool:
        """Start the server again when it has died under us. True when it had to be started."""
        ground = self.ground
        if running_pid(ground) is not None:
            return False
        with ground.lock("change"):
            if running_pid(ground) is not None:
                return False
            self._start(ground)
        return True

    def release(self) -> None:
        """Use it no longer; the last one to say so stops it."""
        if self._use is None:
            return
        ground = self.ground
        with ground.lock("change"):
            self._leave()
            with ground.lock("in-use", wait=False) as alone:
                if alone and not (ground.run / "keep").exists():
                    self._stop(ground)

    def stop(self, *, force: bool = False) -> bool:
        """Stop the server. False when it was not running.

        force  even while other processes use it: their transactions are rolled back
        Raises: Unavailable, code database-in-use
        """
        ground = self.ground
        if not ground.run.is_dir():
            return False
        with ground.lock("change"), ground.lock("in-use", wait=False) as alone:
            running = running_pid(ground) is not None
            if running and not alone and not force:
                raise Unavailable(
                    "database-in-use",
                    f"other processes use the server in {self.folder}: stop `laurels serve` first,"
                    " or stop it under them with --force",
                )
            (ground.run / "keep").unlink(missing_ok=True)
            if running:
                self._stop(ground)
            return running

    def status(self) -> Status:
        """What is there."""
        ground = look(self.folder)
        in_use = False
        if (ground.run / "in-use").exists():
            with ground.lock("in-use", wait=False) as alone:
                in_use = not alone
        return Status(
            folder=self.folder,
            account=ground.account.name,
            version=str(version_of(ground) or ""),
            pid=running_pid(ground),
            kept=(ground.run / "keep").exists(),
            in_use=in_use,
        )

    def url(self, role: str, database: str = DATABASE) -> str:
        """How to connect as a role: `postgresql://role@/database?host=...`."""
        host = quote(str(self.ground.sockets), safe="")
        return f"postgresql://{quote(role)}@/{quote(database)}?host={host}"

    def _leave(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _fitting(self, ground: Ground) -> Binaries:
        """The programs for the data that is there, or for new data."""
        return locate(version_of(ground), None if self._wanted is None else [self._wanted])

    def _make_cluster(self, ground: Ground) -> None:
        """Make an empty data folder; it gets its name when it is whole."""
        fresh = ground.root / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(fresh, ground.account.uid, ground.account.gid)
        # The order of texts is that of their bytes, in every release and on every system.
        ground.run_as_account([
            self.binaries.command("initdb"), "--pgdata", str(fresh),
            "--username", conf.SUPERUSER, "--encoding", "UTF8", "--locale", "C",
            "--auth", "reject", "--data-checksums",
        ])  # fmt: skip
        settings = fresh / "postgresql.conf"
        ground.write(settings, conf.INCLUDE)
        fresh.rename(ground.cluster)

    def _start(self, ground: Ground) -> None:
        accounts = {ground.account.name, "root"}
        for name, text in (
            ("laurels.conf", conf.settings(ground.sockets, ground.log)),
            ("pg_hba.conf", conf.HBA),
            ("pg_ident.conf", conf.identities(accounts)),
        ):
            ground.write(ground.cluster / name, text)
        said = ground.log / "start.log"
        command = [
            self.binaries.command("pg_ctl"), "start", "--pgdata", str(ground.cluster),
            "--wait", "--timeout", str(START_SECONDS), "--silent", "--log", str(said),
        ]  # fmt: skip
        clear_leftovers(ground)
        ground.write(said, "")
        ran = ground.run_as_account(command, check=False)
        if ran.returncode == 0:
            return
        told = said.read_text("utf-8", errors="replace")
        raise Unavailable(
            "database-start",
            f"the server in {self.folder} does not start: {(ran.stdout + told).strip()[-2000:]}"
            f" (its log: {ground.log})",
        )

    def _stop(self, ground: Ground) -> None:
        if running_pid(ground) is None:
            return
        ran = ground.run_as_account([
            self.binaries.command("pg_ctl"), "stop", "--pgdata", str(ground.cluster),
            "--mode", "fast", "--wait", "--timeout", str(STOP_SECONDS), "--silent",
        ], check=False)  # fmt: skip
        # one that died meanwhile left its files: pg_ctl waits for them in vain, it is stopped
        if ran.returncode != 0 and running_pid(ground) is not None:
            raise Unavailable("database-command-failed", f"pg_ctl failed: {ran.stdout.strip()}")


def version_of(ground: Ground) -> int | None:
    """The major version that wrote the data folder; None when there is none."""
    try:
        return int((ground.cluster / "PG_VERSION").read_text("ascii"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise Unavailable(
            "database-folder", f"{ground.cluster} is no data folder of PostgreSQL: {error}"
        ) from error


def running_pid(ground: Ground) -> int | None:
    """The process of the running server; None when there is none, whatever a stale file says."""
    try:
        lines = (ground.cluster / "postmaster.pid").read_text("utf-8").splitlines()
        pid = int(lines[0])
        os.kill(pid, 0)
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError, ProcessLookupError):
        return None
    except PermissionError:
        return None  # of another account: not the server of this folder
    return pid if _is_server(pid) else None


def clear_leftovers(ground: Ground) -> None:
    """After a crash: wait for the processes that the server left, then remove its stale files.

    PostgreSQL does not start while the process that its lock files name exists, and after a restart
    of a container, or unreaped, that may be any process. So the files go when nobody works in the
    folder any more. Without /proc they stay, and PostgreSQL decides.
    """
    if not Path("/proc/self").exists():
        return
    for _ in range(LEFTOVER_SECONDS * 10):
        if not _anybody_in(ground.cluster):
            (ground.cluster / "postmaster.pid").unlink(missing_ok=True)
            (ground.sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
            return
        time.sleep(0.1)


def _anybody_in(cluster: Path) -> bool:
    """Whether a process works in the folder; every process of a PostgreSQL does."""
    for each in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if each.readlink() == cluster:
                return True
        except OSError:
            continue  # gone, a zombie, or of another account
    return False


def _is_server(pid: int) -> bool:
    """Whether a process is a PostgreSQL: its number may have gone to another after a crash."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2][:1]
    except OSError:
        return not Path("/proc/self").exists()  # a system without /proc: trust the file
    return b"postgres" in command and state != "Z"
