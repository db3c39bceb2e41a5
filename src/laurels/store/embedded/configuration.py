"""postgresql.conf and who may connect.

`laurels.conf` is ours and is written anew at each start; what an owner adds to postgresql.conf
stands after it and wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from laurels.store.roles import OWNER_ROLE, SERVICE_ROLE

SUPERUSER = "postgres"

MEBIBYTE = 1 << 20
SMALLEST_CACHE, LARGEST_CACHE = 64 * MEBIBYTE, 2048 * MEBIBYTE

INCLUDE = "include = 'laurels.conf'\n\n# Settings of yours go below; they win.\n"

# Durability is never traded: fsync, full_page_writes and synchronous_commit stay on.
SETTINGS = """\
# Written by Laurels at each start. Put your own settings into postgresql.conf, below the include.

# Nobody but this machine: a socket in a folder that only the server's account may enter.
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100

# Answered is written.
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica

shared_buffers = {cache}MB
effective_cache_size = {system_cache}MB
work_mem = 8MB
maintenance_work_mem = {maintenance}MB

# Rare checkpoints: a page that is written often goes to the log whole once in 15 minutes.
checkpoint_timeout = 15min
max_wal_size = 2GB
wal_compression = on
random_page_cost = 1.1
# Statements here are short: compiling them costs more than it saves.
jit = off

timezone = 'UTC'
log_timezone = 'UTC'

# Seven files, one for each day of the week. Details of an error hold values of rows, which may be
# personal data, so they are left out.
logging_collector = on
log_directory = '{log}'
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_file_mode = 0600
log_error_verbosity = terse
log_parameter_max_length_on_error = 0
log_line_prefix = '%m [%p] %q%u@%d %a '
log_checkpoints = off
"""

HBA = """\
# Written by Laurels at each start. The operating system says who connects; see pg_ident.conf.
local all all peer map=laurels
local replication postgres peer map=laurels
"""


def settings(sockets: Path, log: Path) -> str:
    """The text of laurels.conf, for the memory of this machine."""
    memory = memory_bytes()
    cache = min(max(memory // 8, SMALLEST_CACHE), LARGEST_CACHE)
    return SETTINGS.format(
        sockets=_quoted(sockets),
        log=_quoted(log),
        cache=cache // MEBIBYTE,
        system_cache=max(memory // 2, 2 * SMALLEST_CACHE) // MEBIBYTE,
        maintenance=min(max(memory // 32, SMALLEST_CACHE), 512 * MEBIBYTE) // MEBIBYTE,
    )


def identities(accounts: Iterable[str]) -> str:
    """The text of pg_ident.conf: which accounts of this machine may be which roles."""
    lines = [
        f"laurels {_ident(account)} {role}"
        for account in sorted(set(accounts))
        for role in (SUPERUSER, OWNER_ROLE, SERVICE_ROLE)
    ]
    return "\n".join(["# Written by Laurels at each start.", *lines, ""])


def memory_bytes() -> int:
    """The memory of this machine, or of the group of processes that it is limited to."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text("ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            whole = min(whole, int(text))
    return whole


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
