"""Laurels: a loyalty program engine. A program is a file, and every point explains itself."""

__version__ = "0.1.0"
