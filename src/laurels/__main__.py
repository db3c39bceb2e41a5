"""`python -m laurels` is the `laurels` command."""

from laurels.cli import main

main()
