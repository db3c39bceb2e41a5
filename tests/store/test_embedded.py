"""The embedded server: a real one, over real folders, as root and as a user."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from laurels.base.errors import Unavailable
from laurels.store.embedded import Binaries, EmbeddedServer, available, locate
from laurels.store.embedded.server import running_pid
from laurels.store.roles import OWNER_ROLE, SERVICE_ROLE

SOURCES = Path(__file__).parent.parent.parent / "src"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another account")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other accounts can reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="laurels-test-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def every_major() -> list[Binaries]:
    seen: dict[int, Binaries] = {}
    for each in available():
        seen.setdefault(each.major, each)
    return list(seen.values())


def wheel() -> Binaries:
    return next(each for each in available() if each.origin == "wheel")


def answer(server: EmbeddedServer) -> str:
    with psycopg.connect(server.url(SERVICE_ROLE)) as connection:
        row = connection.execute("select current_user").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("binaries", every_major(), ids=lambda each: each.version)
def test_it_starts_serves_stops_and_keeps_what_was_written(
    folder: Path, binaries: Binaries
) -> None:
    with EmbeddedServer(folder / "data", binaries) as server:
        with psycopg.connect(server.url(OWNER_ROLE)) as connection:
            connection.execute("create table kept as select 7 as number")
        assert answer(server) == SERVICE_ROLE
        with psycopg.connect(server.url(OWNER_ROLE)) as connection:
            shown = {
                name: connection.execute(f"show {name}").fetchone()
                for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
            }
        assert set(shown.values()) == {("on",)}
    assert server.status().pid is None
    with EmbeddedServer(folder / "data") as again:
        assert again.status().version == str(binaries.major)
        with psycopg.connect(again.url(OWNER_ROLE)) as connection:
            assert connection.execute("select number from kept").fetchone() == (7,)


def test_a_second_process_finds_the_running_one_and_does_not_stop_it(folder: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from laurels.store.embedded import EmbeddedServer
        with EmbeddedServer(Path(sys.argv[1])) as server:
            print(server.status().pid)
    """
    with EmbeddedServer(folder / "data") as server:
        pid = server.status().pid
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(folder / "data")],
            capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(SOURCES)},
        ).stdout  # fmt: skip
        assert int(said) == pid
        assert server.status().pid == pid
        assert answer(server) == SERVICE_ROLE
        with pytest.raises(Unavailable, match="other processes use"):
            EmbeddedServer(folder / "data").stop()
    assert server.status().pid is None


def test_a_kept_server_stays_until_it_is_stopped(folder: Path) -> None:
    server = EmbeddedServer(folder / "data")
    server.start(keep=True)
    server.release()
    assert server.status().pid is not None
    assert not server.status().in_use
    assert EmbeddedServer(folder / "data").stop()
    assert server.status().pid is None
    assert not EmbeddedServer(folder / "data").stop()


def test_it_starts_again_after_a_crash_with_what_was_committed(folder: Path) -> None:
    with EmbeddedServer(folder / "data") as server:
        with psycopg.connect(server.url(OWNER_ROLE)) as connection:
            connection.execute("create table kept as select 7 as number")
        pid = running_pid(server.ground)
        assert pid is not None
        assert not server.ensure_running()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while running_pid(server.ground) is not None and time.monotonic() < deadline:
            time.sleep(0.01)  # a signal takes its time
        assert server.ensure_running()
        with psycopg.connect(server.url(OWNER_ROLE)) as connection:
            assert connection.execute("select number from kept").fetchone() == (7,)


def test_a_stale_file_with_the_number_of_another_process_does_not_keep_it_from_starting(
    folder: Path,
) -> None:
    with EmbeddedServer(folder / "data") as server:
        file = server.ground.cluster / "postmaster.pid"
        before = file.read_text()
    file.write_text(before.replace(before.splitlines()[0], str(os.getpid()), 1))
    with EmbeddedServer(folder / "data") as server:
        assert answer(server) == SERVICE_ROLE


@pytest.mark.parametrize(("written_by", "age"), [("13", "older"), ("99", "newer")])
def test_a_folder_of_another_major_version_is_refused_with_the_way_out(
    folder: Path, written_by: str, age: str
) -> None:
    with EmbeddedServer(folder / "data") as server:
        version = server.ground.cluster / "PG_VERSION"
        right = version.read_text()
    version.write_text(written_by + "\n")
    with pytest.raises(Unavailable, match=f"PostgreSQL {written_by}, {age} than") as refused:
        EmbeddedServer(folder / "data").start()
    assert refused.value.code == "database-folder-version"
    assert "laurels db dump" in refused.value.message
    version.write_text(right)
    with EmbeddedServer(folder / "data") as server:
        assert answer(server) == SERVICE_ROLE


def test_a_folder_is_served_by_the_version_that_wrote_it() -> None:
    old, new = Binaries(Path("/old"), "15.1", "distribution"), Binaries(Path("/n"), "18.4", "wheel")
    assert locate(None, [old, new]) is old
    assert locate(18, [old, new]) is new
    assert locate(15, [new, old]) is old


def test_without_any_server_the_error_says_what_to_install() -> None:
    with pytest.raises(Unavailable, match=r"install the package.*LAURELS_DATABASE_URL"):
        locate(None, [])


def test_a_long_path_has_its_socket_elsewhere(folder: Path) -> None:
    deep = folder / ("a" * 60) / ("b" * 60)
    with EmbeddedServer(deep) as server:
        assert answer(server) == SERVICE_ROLE
        sockets = server.ground.sockets
        assert sockets != server.ground.run
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    shutil.rmtree(sockets)


@root_only
def test_as_root_no_permission_is_loosened_and_no_one_else_gets_in(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o711)
    watched = [*folder.parents, folder, closed, wheel().folder, *wheel().folder.parents]
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in watched}
    with EmbeddedServer(closed / "data", wheel()) as server:
        assert {path: stat.S_IMODE(path.stat().st_mode) for path in watched} == before
        assert server.ground.account.uid != 0
        for path in (server.ground.root, server.ground.cluster, server.ground.run):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
            assert path.stat().st_uid == server.ground.account.uid
        open_files = [
            path
            for path in server.ground.root.rglob("*")
            if not path.is_symlink() and not path.is_socket() and path.stat().st_mode & 0o077
        ]
        assert not open_files
        nobody = pwd.getpwnam("nobody")
        said = subprocess.run(
            [server.binaries.command("psql"), server.url(SERVICE_ROLE), "-c", "select 1"],
            capture_output=True, text=True, check=False, user=nobody.pw_uid, group=nobody.pw_gid,
            extra_groups=[], cwd="/",
        )  # fmt: skip
        assert said.returncode != 0
        assert "Permission denied" in said.stderr


@root_only
def test_a_folder_that_the_server_cannot_reach_is_refused_not_opened(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Unavailable, match=f"may not enter {closed}") as refused:
        EmbeddedServer(closed / "data").start()
    assert refused.value.code == "database-folder"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@root_only
def test_programs_that_the_account_cannot_reach_are_copied(folder: Path) -> None:
    hidden = folder / "root"
    package = wheel().folder.parent.parent
    shutil.copytree(package / "pginstall18", hidden / package.name / "pginstall18", symlinks=True)
    libraries = f"{package.name}.libs"
    shutil.copytree(package.with_name(libraries), hidden / libraries)
    hidden.chmod(0o700)
    programs = Binaries(hidden / package.name / "pginstall18" / "bin", wheel().version, "wheel")
    with EmbeddedServer(folder / "data", programs) as server:
        assert answer(server) == SERVICE_ROLE
        assert server.binaries.folder.is_relative_to(folder / "data" / "server")
        copied = list((folder / "data" / "server").rglob("*"))
        assert all(path.lstat().st_uid == 0 for path in copied)
        assert not [p for p in copied if not p.is_symlink() and p.stat().st_mode & 0o022]
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


@root_only
def test_an_ordinary_user_has_a_server_too_and_root_may_look_after_it(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    # A fork, not a new interpreter: that of root may lie where nobody else can run it.
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            with EmbeddedServer(home / "data") as server:
                (home / "answer").write_text(f"{os.geteuid()} {answer(server)}")
        except BaseException as error:
            (home / "answer").write_text(repr(error))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (home / "answer").read_text() == f"{nobody.pw_uid} {SERVICE_ROLE}"
    with EmbeddedServer(home / "data") as server:
        assert server.ground.account.uid == nobody.pw_uid
        assert answer(server) == SERVICE_ROLE
