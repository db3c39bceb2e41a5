"""Rows out of files: CSV, JSON lines and Parquet, one at a time, in the order of the paths.

A row that cannot be read (ragged, broken JSON, a NUL byte) is handed to ``reject`` and the rest
goes on. What makes a whole file unreadable (missing, not UTF-8, damaged, an unknown ending) is a
RequestError: going on without a file that somebody named would give wrong books.

Numbers are never read through a binary float unless the file itself holds one (Parquet).
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO, cast

from laurels.base.errors import RequestError
from laurels.replay.values import Rejected, Unreadable, decimal_of, shown

TEXT_ENDINGS = (".csv", ".tsv")
JSON_ENDINGS = (".jsonl", ".ndjson")
PARQUET_ENDINGS = (".parquet", ".pq")
FOLDER_ENDINGS = (
    *(e + z for e in TEXT_ENDINGS + JSON_ENDINGS for z in ("", ".gz")),
    *PARQUET_ENDINGS,
)
NAMED_ENDINGS = (*FOLDER_ENDINGS, ".txt", ".txt.gz")
"""``.txt`` is read when it is named; in a folder it is more often a note to the reader."""

DELIMITERS = ("\t", ";", ",")


class Row(NamedTuple):
    """One row. ``number`` counts data rows from 1; ``line`` is the line of the file in which the
    row begins (0 where the file has no lines: Parquet)."""

    file: str
    number: int
    line: int
    values: dict[str, object]


@dataclass(frozen=True)
class Format:
    """How text files are laid out, where it cannot be seen from the file itself.

    ``delimiter`` None: comma, semicolon or tab, whichever the header shows; ``whitespace``: blanks.
    ``header``: the names of the columns, for a file whose first line is data already.
    """

    delimiter: str | None = None
    header: tuple[str, ...] | None = None


class Table(NamedTuple):
    """An open file. ``columns`` is None where each row has its own (JSON lines)."""

    file: str
    columns: tuple[str, ...] | None
    rows: Iterator[Row]


Reject = Callable[[Rejected], None]
Only = Mapping[str, Set[int]]
"""Numbers of rows by file."""


def read_rows(
    paths: Iterable[str | Path], reject: Reject, layout: Format | None = None
) -> Iterator[Row]:
    """All rows of the files and folders, in the order given, a folder's files by name.

    Raises RequestError for a file or a folder that cannot be read.
    """
    for table in read_tables(paths, reject, layout):
        yield from table.rows


def read_tables(
    paths: Iterable[str | Path],
    reject: Reject,
    layout: Format | None = None,
    only: Only | None = None,
) -> Iterator[Table]:
    """As ``read_rows``, file by file. Every path is looked up before the first row is read.

    only   numbers of the rows that are wanted, by file; of files that it does not name, none
    """
    for path in find_files(paths):
        wanted = None if only is None else only.get(str(path), frozenset())
        if wanted is not None and not wanted:
            continue
        with ExitStack() as files:
            yield _open_table(path, reject, layout or Format(), files, wanted)


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files meant by the paths, each once. Raises RequestError where there is none."""
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(given)
        for file in _files_of(path):
            found.setdefault(file.resolve(), file)
    if not found:
        raise _cannot_read("no events were named", "-", "a file or a folder", "")
    return list(found.values())


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if file.name.lower().endswith(FOLDER_ENDINGS)
            and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
            and file.is_file()
        )
        if not files:
            raise _cannot_read(
                "the folder holds no file that can be read",
                str(path),
                "files ending in " + ", ".join(FOLDER_ENDINGS),
                "Name the folder in which the event files are.",
            )
        return files
    if not path.exists():
        raise _cannot_read(
            "there is no such file", str(path), "a file or a folder", _nearest_file(path)
        )
    if not path.name.lower().endswith(NAMED_ENDINGS):
        raise _cannot_read(
            "the ending of the file's name does not say how to read it",
            str(path),
            "one of " + ", ".join(NAMED_ENDINGS),
            "JSON is read as one object a line: name such a file .jsonl.",
        )
    return [path]


def _nearest_file(path: Path) -> str:
    from difflib import get_close_matches

    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return "Check the path: its folder cannot be read either."
    near = get_close_matches(path.name, names, n=1)
    return f"Did you mean {path.parent / near[0]}?" if near else "Check the path."


def _cannot_read(what: str, where: str, expected: str, hint: str) -> RequestError:
    return RequestError("events-unreadable", what, where=where, expected=expected, hint=hint)


def _open_table(
    path: Path, reject: Reject, layout: Format, files: ExitStack, only: Set[int] | None
) -> Table:
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(PARQUET_ENDINGS):
            return _parquet_table(path, reject, files, only)
        if name.endswith(JSON_ENDINGS):
            return Table(str(path), None, _guarded(path, _json_rows(path, reject, files, only)))
        table = _text_table(path, reject, layout, files)
        if only is None:
            return table
        return table._replace(rows=(row for row in table.rows if row.number in only))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _guarded(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; what goes wrong with the file on the way becomes a RequestError."""
    try:
        yield from rows
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RequestError:
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(path)
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return _cannot_read(
            "the compressed file is damaged or not complete",
            str(path),
            "a whole gzip file",
            "Copy the file again, or unpack it and name the unpacked file.",
        )
    reason = getattr(error, "strerror", None) or str(error)
    return _cannot_read(f"the file cannot be opened: {reason}", str(path), "a readable file", "")


def _not_utf8(path: Path) -> RequestError:
    """Names the line: the first that is not UTF-8 is found by reading once more, in bytes."""
    line, where = 0, str(path)
    with _open_bytes(path) as file:
        start = file.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            what = "the file is UTF-16"
        else:
            what = "the file is not UTF-8"
            file.seek(0)
            for line, raw in enumerate(file, start=1):  # noqa: B007 - the line is the answer
                try:
                    raw.decode("utf-8")
                except UnicodeDecodeError:
                    break
            where = f"{path}:{line}"
    hint = "Save it as UTF-8 (in a spreadsheet: CSV UTF-8), or: iconv -f WINDOWS-1252 -t UTF-8"
    return _cannot_read(what, where, "text in UTF-8", hint)


def _open_bytes(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _open_text(path: Path) -> TextIO:
    """The file as text; a byte order mark is not part of it."""
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


# --- text with columns ---------------------------------------------------------------------------


def header_of(path: Path) -> tuple[tuple[str, ...], str] | None:
    """The columns of a text file and what stands between them; None where the header is not the
    first line alone. Raises RequestError for a header that is wrong."""
    with _open_text(path) as file:
        lines = _Lines(file)
        first = next(lines, "")
        delimiter = _sniff(first)
        lines.give_back([first] if first else [], before=1)
        records = _csv(lines, delimiter)
        columns = _header(path, records)
        return (columns, delimiter) if lines.number == 1 and first.strip() else None


def _text_table(path: Path, reject: Reject, layout: Format, files: ExitStack) -> Table:
    lines = _Lines(files.enter_context(_open_text(path)))
    first = next(lines, "")
    delimiter = layout.delimiter or _sniff(first)
    lines.give_back([first] if first else [], before=1)
    records = _blank_separated(lines) if delimiter == "whitespace" else _csv(lines, delimiter)
    if layout.header is not None:
        columns = layout.header
    else:
        columns = _header(path, records)
    rows = _text_rows(path, records, columns, reject)
    return Table(str(path), columns, _guarded(path, rows))


def _sniff(header: str) -> str:
    """The delimiter that splits the header into most columns; a comma where none does."""
    best, columns_max = ",", 1
    for delimiter in DELIMITERS:
        try:
            columns = len(next(csv.reader([header], delimiter=delimiter, strict=True), []))
        except csv.Error:
            continue
        if columns >= columns_max:
            best, columns_max = delimiter, columns
    return best if columns_max > 1 else ","


class _Record(NamedTuple):
    """The cells of one row and the line on which it begins; ``broken`` says why it has none."""

    line: int
    cells: list[str]
    broken: str = ""


class _Lines:
    """The lines of a file, for a reader that may take too many and has to give some back.

    A quote that is opened and never closed swallows the rest of the file as one cell. Giving the
    lines back loses the one bad line only.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = iter(file)
        self._again: list[str] = []
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._file)
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self, lines: Sequence[str], before: int) -> None:
        """Have these lines come again; the next one to come is line ``before``."""
        self._again.extend(reversed(lines))
        self.number = before - 1
        self.taken.clear()


def _csv(lines: _Lines, delimiter: str) -> Iterator[_Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        begin = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lost = lines.taken[1:]
            yield _Record(begin, [], f"{error}: {lines.taken[0].rstrip()}")
            lines.give_back(lost, before=begin + 1)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if cells:
            yield _Record(begin, cells)


def _blank_separated(lines: _Lines) -> Iterator[_Record]:
    for line in lines:
        cells = line.split()
        if cells:
            yield _Record(lines.number, cells)


def _header(path: Path, records: Iterator[_Record]) -> tuple[str, ...]:
    record = next(records, _Record(1, []))
    where = f"{path}:{record.line}"
    if record.broken or any("\0" in cell for cell in record.cells):
        raise _cannot_read("the header cannot be read", where, "names of columns", record.broken)
    if not record.cells:
        raise _cannot_read("the file is empty", where, "a first line with names of columns", "")
    names = [
        cell.strip() or f"column_{number}" for number, cell in enumerate(record.cells, start=1)
    ]
    for name, times in Counter(names).items():
        if times > 1:
            what = f"the column {shown(name)!r} is there {times} times"
            raise _cannot_read(what, where, "each name once", "Rename one of them.")
    return tuple(names)


def _text_rows(
    path: Path,
    records: Iterator[_Record],
    columns: tuple[str, ...],
    reject: Reject,
) -> Iterator[Row]:
    name, width = str(path), len(columns)
    for number, (line, cells, broken) in enumerate(records, start=1):
        if len(cells) == width and not any("\0" in cell for cell in cells):
            yield Row(name, number, line, dict(zip(columns, cells, strict=True)))
        elif broken:
            expected = "quotes that are closed, and doubled inside a quoted cell"
            reject(Rejected(name, number, "", "row-unreadable", expected, shown(broken)))
        elif len(cells) != width:
            found = f"{len(cells)} cells: {'|'.join(cells)}"
            reject(Rejected(name, number, "", "row-ragged", f"{width} cells", shown(found)))
        else:
            column = next(c for c, v in zip(columns, cells, strict=True) if "\0" in v)
            value = cells[columns.index(column)]
            reject(Rejected(name, number, column, "nul-byte", "text", shown(value)))


# --- JSON lines ----------------------------------------------------------------------------------


def _json_rows(
    path: Path, reject: Reject, files: ExitStack, only: Set[int] | None
) -> Iterator[Row]:
    name, number = str(path), 0
    for line, text in enumerate(files.enter_context(_open_text(path)), start=1):
        if text.isspace():
            continue
        number += 1
        if only is not None and number not in only:
            continue
        try:
            yield Row(name, number, line, _json_object(text))
        except Unreadable as bad:
            reject(Rejected(name, number, "", bad.reason, bad.expected, shown(text.strip())))


def _json_object(text: str) -> dict[str, object]:
    """The object on a line. Numbers with a point become Decimal, so that 12.30 stays 12.30."""
    if "\0" in text or "\\u0000" in text:
        raise Unreadable("nul-byte", "text")
    try:
        found = json.loads(
            text,
            parse_float=decimal_of,
            parse_constant=_no_constant,
            object_pairs_hook=_unique_keys,
        )
        if "\\ud" in text.lower():
            # Half of a surrogate pair is no text: it cannot be written out again.
            json.dumps(found, ensure_ascii=False, default=str).encode("utf-8")
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("json-broken", "an object that is not nested so deeply") from None
    except ValueError as error:
        raise Unreadable("json-broken", f"one JSON object on one line ({error})") from None
    if not isinstance(found, dict):
        raise Unreadable("json-broken", "one JSON object on one line")
    return found


def _no_constant(name: str) -> object:
    raise Unreadable("number-unreadable", f"a finite number, not {name}")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("json-key-twice", "each key once")
    return found


# --- Parquet -------------------------------------------------------------------------------------


def _parquet_table(path: Path, reject: Reject, files: ExitStack, only: Set[int] | None) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise _cannot_read(
            "Parquet files need pyarrow",
            str(path),
            "the extra 'replay'",
            "pip install laurels[replay]",
        ) from None
    try:
        file = files.enter_context(pq.ParquetFile(path))
    except pa.ArrowException as error:
        raise _bad_parquet(path, error) from error
    columns = tuple(file.schema_arrow.names)
    for name, times in Counter(columns).items():
        if times > 1:
            what = f"the column {shown(name)!r} is there {times} times"
            raise _cannot_read(what, str(path), "each name once", "Rename one of them.")
    return Table(str(path), columns, _parquet_rows(path, file, columns, reject, only))


def _bad_parquet(path: Path, error: Exception) -> RequestError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return _cannot_read(
        f"the Parquet file is damaged or none at all: {reason}",
        str(path),
        "a whole Parquet file",
        "Copy or write the file again.",
    )


def _parquet_rows(
    path: Path, file: Any, columns: tuple[str, ...], reject: Reject, only: Set[int] | None
) -> Iterator[Row]:
    import pyarrow as pa

    name, first = str(path), 1
    try:
        for whole in file.iter_batches(batch_size=1 << 16):
            numbers: Sequence[int] = range(first, first + whole.num_rows)
            first += whole.num_rows
            batch = whole
            if only is not None:
                numbers = [number for number in numbers if number in only]
                batch = whole.take(pa.array([n - first + whole.num_rows for n in numbers], "int64"))
            bad = _cells_to_reject(batch)
            cells = [_values(column) for column in batch.columns]
            for index, (number, values) in enumerate(
                zip(numbers, zip(*cells, strict=True), strict=True)
            ):
                if bad and index in bad:
                    column, reason, expected = bad[index]
                    value = shown(batch.column(column)[index].cast(pa.string()).as_py())
                    reject(Rejected(name, number, column, reason, expected, value))
                else:
                    yield Row(name, number, 0, dict(zip(columns, values, strict=True)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _bad_parquet(path, error) from error


def _values(column: Any) -> list[object]:
    """A column as Python values. Equal values become one object: that is quicker, and a history
    repeats its members and items so often that it keeps the memory small as well."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        unit = pa.timestamp("us", "UTC" if kind.tz else None)
        return list(column.cast(unit, safe=False).to_pylist())
    if pa.types.is_nested(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return list(column.to_pylist())
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    encoded = column.dictionary_encode()
    words = [*encoded.dictionary.to_pylist(), None]
    return [words[index] for index in encoded.indices.fill_null(len(words) - 1).to_pylist()]


def _cells_to_reject(batch: Any) -> dict[int, tuple[str, str, str]]:
    """Rows of the batch with an instant finer than a microsecond, a NUL byte, or raw bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bad: dict[int, tuple[str, str, str]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            nanoseconds = column.cast(pa.int64())
            whole = pc.multiply(pc.divide(nanoseconds, 1000), 1000)
            found, why = pc.not_equal(nanoseconds, whole), "time-too-fine"
            expected = "microseconds at most"
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            found, why, expected = pc.match_substring(column, "\0"), "nul-byte", "text"
        else:
            continue
        if pc.any(found).as_py():
            for index, hit in enumerate(found.to_pylist()):
                if hit:
                    bad.setdefault(index, (name, why, expected))
    return bad
