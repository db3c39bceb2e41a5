"""Laurels: a loyalty engine. A program is a file; every point explains itself.

import laurels
program = laurels.load("program.yaml")
book = laurels.Book(program, "anna")
book.take({"id": "1", "member": "anna", "type": "purchase", ...})
book.balance("points").active
"""

from laurels.engine.book import Book, Decision
from laurels.engine.compiled import Compiled, load, loads

__version__ = "0.1.0"

__all__ = ["Book", "Compiled", "Decision", "__version__", "load", "loads"]
