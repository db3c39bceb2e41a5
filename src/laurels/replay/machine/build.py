"""Machine code of a program: compiled once, kept on disk, found again by what it was made of."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from laurels.engine.compiled import Compiled
from laurels.replay.machine.text import module_text

Ints = NDArray[np.int64]
Tell = Callable[[str], None]

MARK = ".compiled"
"""Beside a module whose machine code is on disk."""


class Machine:
    """The machine code of one program.

    first   nothing of it was on disk: the first call compiles, for seconds
    cal     the program's calendar, as the kernel reads it
    """

    def __init__(self, program: Compiled, module: ModuleType, path: Path) -> None:
        self.program = program
        self.path = path
        self.first = not path.with_suffix(MARK).exists()
        self.step: Callable[..., Any] = module.step
        self.advance: Callable[..., Any] = module.advance
        self.fold: Callable[..., Any] = module.fold_members
        self.group: Callable[..., Any] = module.fold_members
        self.cal = tuple(np.array(each, dtype=np.int64) for each in program.cal)

    def compiled(self) -> None:
        """The loop has run once, so all of its machine code is on disk."""
        if self.first:
            self.path.with_suffix(MARK).touch()
            self.first = False


def cache_folder() -> Path:
    """Where machine code is kept: ``$XDG_CACHE_HOME/laurels``, else ``~/.cache/laurels``."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "laurels" / "machine"


def machine(program: Compiled, folder: Path | None = None) -> Machine:
    """The machine code of a program, from the cache or to be compiled at its first call."""
    text = module_text(program)
    made_of = f"{text}|{numba.__version__}|{np.__version__}|{sys.version}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    name = f"step_{key}"
    path = (folder or cache_folder()) / f"{name}.py"
    if not path.exists():
        _write(path, text)
    return Machine(program, _imported(name, path), path)


def _write(path: Path, text: str) -> None:
    """The file as a whole or not at all: several processes may want it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _imported(name: str, path: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
