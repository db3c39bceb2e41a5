"""The command line: `laurels VERB ...`.

    app        the verbs and their options
    problems   errors as people read them, and the exit codes: 0 done, 1 input, 2 usage
    history    program and events from files, with a progress bar
    page       a run as a page of tables
    programs   a program as a page of tables
    shipped    programs and data that come with the package

Results go to stdout, everything else to stderr; `--json` gives one object on stdout.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The entry point of the `laurels` script."""
    from laurels.cli.app import app

    try:
        app()
    except BrokenPipeError:  # the reader has seen enough: `laurels check ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
