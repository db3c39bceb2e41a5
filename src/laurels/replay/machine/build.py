"""Machine code of a program: compiled once, kept on disk, found again by what it was made of."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from laurels.engine.compiled import Compiled
from laurels.replay.machine import (
    begin,
    columns,
    filling,
    fold,
    grouping,
    joining,
    member,
    parsing,
    text,
    totals,
    translate,
)
from laurels.replay.machine.text import entries, tools, translated, translated_tools
from laurels.replay.machine.translate import Kind

Ints = NDArray[np.int64]
Tell = Callable[[str], None]
PARTS = (begin, columns, filling, fold, grouping, joining, member, parsing, text, totals, translate)
SPEED = 2
"""What LLVM is asked for: 3 takes twice as long to compile and runs no faster."""


class Code:
    """Functions of an object file, over arrays; they run without Python's lock."""

    def __init__(self, code: bytes) -> None:
        self._engine = _engine()
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def entry(self, name: str, kinds: tuple[Kind, ...]) -> Callable[..., int]:
        """A function that takes integers, arrays and tuples of arrays."""
        words = [ctypes.c_int64] * len(kinds)
        call = ctypes.CFUNCTYPE(ctypes.c_int64, *words)(self._engine.get_function_address(name))

        def entry(*arguments: Any, _: Any = self._engine) -> int:  # which must live as long
            kept: list[Any] = []
            pairs = zip(arguments, kinds, strict=True)
            return int(call(*[_word(argument, kind, kept) for argument, kind in pairs]))

        return entry


class Machine:
    """The machine code of one program. ``cal``: its calendar, as the kernel reads it."""

    def __init__(self, program: Compiled, code: bytes) -> None:
        self.program = program
        self._code = Code(code)
        found = {name: self._code.entry(name, kinds) for name, kinds in entries(program).items()}
        self.fold, self.step, self.advance = found["fold_members"], found["step"], found["advance"]
        self.cal = tuple(np.array(each, dtype=np.int64) for each in program.cal)


def _word(argument: Any, kind: Kind, kept: list[Any]) -> int:
    """An argument as a number: itself, the address of an array, or of a table of addresses."""
    if kind[0] == "int":
        return int(argument)
    if kind[0] == "row":
        return _address(argument, kind[1][0])
    each = [_address(one, bits) for one, bits in zip(argument, kind[1], strict=True)]
    addresses = np.array(each, dtype=np.int64)
    kept.append(addresses)
    return addresses.ctypes.data


def _address(array: NDArray[Any], bits: int) -> int:
    """Where an array stands. Raises TypeError for one that machine code would misread."""
    if array.dtype.itemsize * 8 != bits or not array.flags.c_contiguous:
        raise TypeError(f"an array of {array.dtype} where {bits} bits are expected")
    return array.ctypes.data


def cache_folder() -> Path:
    """Where machine code is kept: ``$XDG_CACHE_HOME/laurels``, else ``~/.cache/laurels``."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "laurels" / "machine"


def machine(program: Compiled, folder: Path | None = None, tell: Tell | None = None) -> Machine:
    """The machine code of a program, from the cache or compiled now (``tell`` hears of it)."""
    key = f"{program.hash} {filling.fill_source(program)}"

    def source() -> str:
        if tell is not None:
            tell(program.name)
        return translated(program)

    return Machine(program, _kept(key, source, folder))


_lock = threading.RLock()
"""Several threads may ask for the first tool at once: it is made once."""


def tool(name: str) -> Callable[..., int]:
    """A function of ``grouping``, ``joining`` or ``parsing``."""
    with _lock:
        return _tool(name)


@cache
def _tool(name: str) -> Callable[..., int]:
    return _tools().entry(f"{name.replace('.', '_')}_entry", tools()[name])


@cache
def _tools() -> Code:
    return Code(_kept("tools", translated_tools, None))


def _kept(made_of: str, source: Callable[[], str], folder: Path | None) -> bytes:
    """Machine code from the cache, or made from LLVM's text and put there."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    path = (folder or cache_folder()) / f"{_key(made_of)}.o"
    if path.exists():
        return path.read_bytes()
    code = compiled(source())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(code)
    draft.replace(path)  # whole or not at all: several processes may want it at once
    return code


def _key(made_of: str) -> str:
    """What the machine code is made of and for, as a name."""
    digest = hashlib.sha256(made_of.encode())
    for module in PARTS:
        digest.update(Path(str(module.__file__)).read_bytes())
    made_for = (llvmlite.__version__, platform.machine(), llvm.get_host_cpu_name(),
                llvm.get_host_cpu_features().flatten(), SPEED)  # fmt: skip
    digest.update(repr(made_for).encode())
    return digest.hexdigest()[:20]


def compiled(source: str) -> bytes:
    """LLVM's text as an object file of this machine."""
    module = llvm.parse_assembly(source)
    module.verify()
    target = _target()
    options = llvm.create_pipeline_tuning_options(speed_level=SPEED)
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    code: bytes = target.emit_object(module)
    return code


def _target() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(),
        opt=SPEED, reloc="pic", codemodel="jitdefault", jit=True,
    )  # fmt: skip


def _engine() -> Any:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
