"""The house rules, as tests: what a reviewer would otherwise have to repeat."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SRC = ROOT / "src" / "laurels"

# Knowledge points downhill: what each room may import, besides itself. ARCHITECTURE.md shows it.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "base": frozenset(),
    "program": frozenset({"base"}),
    "ledger": frozenset({"base"}),
    "engine": frozenset({"base", "program", "ledger"}),
    "story": frozenset({"base", "program", "ledger", "engine"}),
    "replay": frozenset({"base", "program", "ledger", "engine"}),
    "lab": frozenset({"base", "program", "ledger", "engine", "replay"}),
    "store": frozenset({"base", "ledger"}),
    "service": frozenset({"base", "program", "ledger", "engine", "story", "replay", "store"}),
    "web": frozenset({"base", "service"}),
    "client": frozenset({"base"}),
}
# Files that wire the rooms together; they may import everything.
WIRING = frozenset(
    {"__init__", "__main__", "bench", "bootstrap", "cli", "config", "demo", "testing"}
)

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 800

# Time, randomness and ids are arguments below the shell.
IMPURE_CALLS = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today"
    r"|time\.(time|time_ns|monotonic|perf_counter|perf_counter_ns|localtime|gmtime)"
    r"|uuid[145]|urandom)$"
)
IMPURE_MODULES = frozenset({"random", "secrets"})
STOPWATCHES = frozenset({"perf_counter", "perf_counter_ns", "monotonic"})
MAY_MEASURE = frozenset({"bench", "cli", "demo"})

# Programs are files; none is known to the sources.
PROGRAM_NAMES = "halyk kaspi tele2 rostelecom tbc ertguli mired"

# Split, so that this file does not hold what it looks for.
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npm", "crates" + ".io"]
FORBIDDEN_WORDS = re.compile("|".join([r"\b(sub)?ag" + r"ents?\b", "/wo" + "rk/"]), re.IGNORECASE)
TEXT_SUFFIXES = frozenset(
    {"", ".cfg", ".in", ".ini", ".json", ".lock", ".md", ".po", ".py", ".sh", ".sql", ".toml"}
    | {".txt", ".yaml", ".yml"}
)


def modules() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").parts[0]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Names that a file imports: `laurels.ledger` however it is written."""
    package = ("laurels", *path.relative_to(SRC).parent.parts)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


@cache
def repository_files() -> tuple[Path, ...]:
    """Text files that are, or would be, under version control; data for examples left out."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(
        path
        for path in paths
        if path.is_file()
        and path.suffix in TEXT_SUFFIXES
        and not path.is_relative_to(ROOT / "examples" / "data")
    )


def lines_matching(paths: tuple[Path, ...] | list[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_every_file_has_a_room() -> None:
    homeless = [str(p) for p in modules() if room_of(p) not in MAY_IMPORT.keys() | WIRING]
    assert not homeless, "add the room to MAY_IMPORT, or move: " + ", ".join(homeless)


def test_imports_point_downhill() -> None:
    uphill = []
    for path in modules():
        room = room_of(path)
        if room in WIRING:
            continue
        for name in imports_of(path):
            parts = name.split(".")
            # `from laurels import __version__` is no room.
            if parts[0] == "laurels" and parts[1:2] != ["__version__"]:
                target = parts[1] if len(parts) > 1 else "laurels"
                if target not in MAY_IMPORT.get(room, frozenset()) | {room}:
                    uphill.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not uphill, "\n".join(uphill)


def test_functions_fit_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {lines} lines"
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_modules_can_be_read_in_one_sitting() -> None:
    long = [
        f"{path.relative_to(ROOT)} has {lines} lines"
        for path in modules()
        if (lines := len(path.read_text("utf-8").splitlines())) > MODULE_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_modules_and_public_functions_say_what_they_do() -> None:
    silent = []
    for path in modules():
        tree = tree_of(path)
        if ast.get_docstring(tree) is None:
            silent.append(f"{path.relative_to(ROOT)}")
        silent += [
            f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_time_chance_and_ids_are_arguments() -> None:
    impure = []
    for path in modules():
        room = room_of(path)
        if room == "base":
            continue
        impure += [
            f"{path.relative_to(ROOT)} imports {name}"
            for name in imports_of(path)
            if name.split(".")[0] in IMPURE_MODULES
        ]
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            name = ast.unparse(node)
            measures = name.rpartition(".")[2] in STOPWATCHES and room in MAY_MEASURE
            if IMPURE_CALLS.search(name) and not measures:
                impure.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    assert not impure, "\n".join(impure)


def test_no_program_is_known_to_the_sources() -> None:
    names = "|".join(PROGRAM_NAMES.split())
    found = lines_matching(modules(), re.compile(rf"(?<![a-z])({names})(?![a-z])", re.IGNORECASE))
    assert not found, "\n".join(found)


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile("|".join(map(re.escape, REGISTRY_HOSTS)))
    found = lines_matching(repository_files(), hosts)
    assert not found, "\n".join(found)


def test_the_repository_speaks_about_its_subject_only() -> None:
    found = lines_matching(repository_files(), FORBIDDEN_WORDS)
    assert not found, "\n".join(found)


def test_every_dependency_is_pinned_with_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    loose = [
        line[:60]
        for line in lock.splitlines()
        if line.strip() and ("==" not in line or "--hash=sha256:" not in line)
    ]
    assert not loose, "\n".join(loose)
