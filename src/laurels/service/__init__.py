"""The service: load, decide, commit. One class, one file for each command."""
