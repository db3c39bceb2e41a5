"""A PostgreSQL of one's own: real, on this machine, in one folder, without a port.

    binaries       which PostgreSQL programs there are, and which one serves a folder
    ground         the folder, the account that runs the server, and how programs are started as it
    configuration  postgresql.conf and who may connect, for a small machine
    server         start, find, share, stop, start again after a crash

It owns the server's life. It does not own what is in the database: `store.migrations` does.

The server listens on a socket in the folder, never on a port, and the operating system says who
connects (`peer`): the account of the folder and root, nobody else. Every program of PostgreSQL runs
as the folder's account, never as root; no permission outside the folder is touched.
"""

from laurels.store.embedded.binaries import Binaries, available, locate
from laurels.store.embedded.ground import Ground, default_folder
from laurels.store.embedded.server import EmbeddedServer, Status

__all__ = [
    "Binaries",
    "EmbeddedServer",
    "Ground",
    "Status",
    "available",
    "default_folder",
    "locate",
]
