"""The command line: `laurels VERB ...`. Diagnostics go to stderr; exit 0 done, 1 input, 2 usage."""

import typer

from laurels import __version__

app = typer.Typer(name="laurels", no_args_is_help=True, add_completion=False)


@app.callback()
def laurels() -> None:
    """Run loyalty programs from the terminal."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The entry point of the `laurels` script."""
    app()
