"""A page of figures, charts and tables that needs nothing but itself: no network, no script.

Charts are SVG made here, coloured by the page's own style, light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from math import ceil
from pathlib import Path

from laurels.base.errors import RequestError

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 240, 64, 24, 8
TICKS = 4


@dataclass(frozen=True)
class Figure:
    """A headline figure."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """Series by label. ``svg`` is markup; ``names`` of the series, in the order of colours."""

    names: Sequence[str]
    svg: object


@dataclass(frozen=True)
class Table:
    """Rows of texts. The first ``left`` stand to the left; ``signed``: signs have colours."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    signed: bool = False


@dataclass(frozen=True)
class Sides:
    """Sentences side by side."""

    title: str
    old: Sequence[str]
    new: Sequence[str]


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    title: str
    note: str = ""
    points: Sequence[str] = ()
    chart: Chart | None = None
    tables: Sequence[Table] = ()
    sides: Sequence[Sides] = ()


@dataclass(frozen=True)
class Page:
    """The whole page."""

    title: str
    subtitle: str
    figures: Sequence[Figure]
    sections: Sequence[Section]
    footer: str = field(default="")


def html(page: Page) -> str:
    """The page as one file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return made.get_template("report.html.j2").render(vars(page)) + "\n"


def write_page(path: Path, page: Page) -> None:
    """Write the page. Raises RequestError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html(page), "utf-8")
    except OSError as error:
        raise RequestError(
            "folder-not-writable", f"nothing can be written here: {error.strerror or error}",
            where=str(path), expected="the path of a file",
        ) from error  # fmt: skip


# -- numbers -----------------------------------------------------------------------------------


def number(value: object, decimals: int | None = None) -> str:
    """A number with thin gaps between thousands."""
    amount = Decimal(str(value or 0))
    if decimals is not None:
        amount = round(amount, decimals)
    return f"{amount:,f}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "−")


def signed(value: object, decimals: int | None = None) -> str:
    """A difference with its sign."""
    return ("+" if Decimal(str(value or 0)) > 0 else "") + number(value, decimals)


def percent(share: object, decimals: int = 2) -> str:
    """A share as per cent; a dash of nothing."""
    if share is None:
        return "–"
    return f"{Decimal(str(share)) * 100:.{decimals}f}\N{NARROW NO-BREAK SPACE}%"


def instant_text(text: str | None) -> str:
    """An instant of a summary to the minute."""
    return "no events" if text is None else f"{text[:10]} {text[11:16]} UTC"


def short(value: Decimal) -> str:
    """A number for an axis: 1.2 M."""
    for size, letter in ((10**9, "bn"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= size:
            return f"{(value / size).normalize():f}\N{NARROW NO-BREAK SPACE}{letter}".replace(
                "-", "−"
            )
    return f"{value.normalize():f}".replace("-", "−")


# -- charts ------------------------------------------------------------------------------------


def bars(
    title: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[object]]],
    stacked: bool = False,
) -> Chart | None:  # fmt: skip
    """Bars by label: side by side, or one on the other. None where there is nothing to show."""
    rows = [[Decimal(str(value or 0)) for value in values] for _, values in series]
    if not labels or not any(any(row) for row in rows):
        return None
    columns = list(zip(*rows, strict=True))
    highs = [sum((v for v in column if v > 0), Decimal(0)) if stacked else max(column)
             for column in columns]  # fmt: skip
    lows = [sum((v for v in column if v < 0), Decimal(0)) if stacked else min(column)
            for column in columns]  # fmt: skip
    frame = _Frame(min(*lows, Decimal(0)), max(*highs, Decimal(0)), len(labels))
    parts = []
    for at, column in enumerate(columns):
        left, wide = frame.left(at), frame.step * 0.8
        up = down = Decimal(0)
        for number_, value in enumerate(column):
            base = Decimal(0)
            if stacked:
                base = up if value > 0 else down
                up, down = (up + value, down) if value > 0 else (up, down + value)
            x = left if stacked else left + wide * number_ / len(column)
            width = wide if stacked else wide / len(column)
            y0, y1 = frame.y(base), frame.y(base + value)
            said = f"{labels[at]}, {series[number_][0]}: {number(value)}"
            parts.append(
                f'<rect class="f{number_ % 6}" x="{x:.1f}" y="{min(y0, y1):.1f}" '
                f'width="{max(width - 0.5, 0.5):.1f}" height="{abs(y1 - y0):.1f}">'
                f"<title>{escape(said)}</title></rect>"
            )
    return Chart([name for name, _ in series], frame.drawn(title, labels, parts))


class _Frame:
    """Axes of a chart."""

    def __init__(self, low: Decimal, high: Decimal, count: int) -> None:
        self.tick = _nice((high - low) / TICKS)
        self.low = self.tick * int((low / self.tick).to_integral_value("ROUND_FLOOR"))
        self.high = self.tick * int((high / self.tick).to_integral_value("ROUND_CEILING"))
        self.step = (WIDTH - LEFT) / count

    def left(self, at: int) -> float:
        return LEFT + self.step * (at + 0.1)

    def y(self, value: Decimal) -> float:
        share = float((value - self.low) / (self.high - self.low))
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def drawn(self, title: str, labels: Sequence[str], parts: Iterable[str]) -> object:
        from markupsafe import Markup

        lines = []
        value = self.low
        while value <= self.high:
            y, kind = self.y(value), "zero" if value == 0 else "axis"
            lines.append(
                f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            lines.append(
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
            )
            value += self.tick
        every = ceil(len(labels) / 9)
        for at in range(0, len(labels), every):
            x = self.left(at) + self.step * 0.4
            lines.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
                         f"{escape(labels[at])}</text>")  # fmt: skip
        inside = "".join([*lines, *parts])
        said = escape(title, quote=True)
        return Markup(
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
            f"<title>{said}</title>{inside}</svg>"
        )


def _nice(step: Decimal) -> Decimal:
    """The next of 1, 2, 5, 10 and so on."""
    power = Decimal(10) ** step.adjusted()
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= step)
