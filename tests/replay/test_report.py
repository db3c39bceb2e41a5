"""Pages that can be forwarded: they need nothing but themselves, and say what the data says."""

import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from laurels.engine.compiled import load
from laurels.lab.compare import compare
from laurels.lab.pair import pair, side
from laurels.lab.report import report as report_of_comparison
from laurels.replay.options import Options
from laurels.replay.pages import bars, html, number
from laurels.replay.raw import Events, Place, Report
from laurels.replay.report import report
from laurels.replay.run import replay
from laurels.replay.summary import summary
from oracles.histories import history

RETAIL = Path(__file__).parent.parent.parent / "programs" / "retail-starter" / "program.yaml"
HISTORY = history("retail-starter", random.Random(3), 6, months=8)
VOID = {"meta", "rect", "line", "link", "img"}


class Reader(HTMLParser):
    """Checks that tags close, and gathers names and what they carry."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID or tag == "rect":
            if tag == "rect":
                return
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def data():
    return summary(replay(load(RETAIL), HISTORY))


@pytest.fixture(scope="module")
def compared():
    both = pair(side(str(RETAIL)), side(str(RETAIL), ["rules.base.give.points=2"]))
    listed = Events(HISTORY, [Place("", row) for row, _ in enumerate(HISTORY)], Report())
    return compare(both, listed, options=Options("python")).data


def test_both_pages_need_nothing_but_themselves(data, compared):
    for page in (report(data), report_of_comparison(compared)):
        text = html(page)
        reader = Reader()
        reader.feed(text)
        assert reader.open == []
        tags = {tag for tag, _ in reader.seen}
        assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "a", "form"})
        assert not any({"src", "href", "style"} & attrs.keys() for _, attrs in reader.seen)
        assert not re.search(r"https?:|url\(|@import", text)
        assert "default-src 'none'" in text


def test_the_page_of_a_run_has_its_figures(data):
    text = html(report(data))
    points = data["points"]["point"]
    for value in (data["members"], points["issued"], points["outstanding"]["total"],
                  data["cost"]["units"]["point"]["outstanding"].split(".")[0][:3],
                  *(row["points"]["point"]["outstanding"] for row in data["months"]),
                  *(row["members"]["gold"] for row in data["levels"]["club"]["months"]),
                  *(row["points"] for row in data["rules"])):  # fmt: skip
        assert number(value) in text
    assert "refused by the rules" in text


def test_the_page_of_a_comparison_has_its_figures(compared):
    text = html(report_of_comparison(compared))
    assert "points rises from 1" in text.replace("\xa0", " ")
    assert number(compared["cost"]["point"]["cost"]["difference"]) in text
    for row in compared["rules"]:
        assert number(row["points"]["new"]) in text
    for each in compared["affected"]:
        assert each["member"] in text


def test_charts_and_tables_have_titles(data):
    reader = Reader()
    reader.feed(html(report(data)))
    charts = [attrs for tag, attrs in reader.seen if tag == "svg"]
    assert charts
    assert all(each["role"] == "img" and each["aria-label"] for each in charts)
    tables = sum(tag == "table" for tag, _ in reader.seen)
    assert tables == sum(tag == "caption" for tag, _ in reader.seen) > 3


def test_names_from_files_are_text_not_markup():
    chart = bars("a < b", ["<x>"], [("<y>", [3])])
    assert "<x>" not in str(chart.svg)
    assert "&lt;y&gt;: 3" in str(chart.svg)


def test_a_chart_of_nothing_is_none():
    assert bars("nothing", ["2025-01"], [("issued", ["0"])]) is None
