"""Differences in meaning between two programs, and values changed by their paths."""

import re
from pathlib import Path

import pytest

from laurels.base.errors import ProgramError, RequestError
from laurels.program.check import check, findings
from laurels.program.diff import diff
from laurels.program.loader import load_document, parse_document
from laurels.program.setting import Setting, change, open_program, paths_of, resolve

ROOT = Path(__file__).parent.parent.parent / "programs"
FILES = sorted(ROOT.glob("*/*.yaml"))
PROGRAMS = sorted(ROOT.glob("*/program.yaml"))
LADDER = ROOT / "halyk-plus" / "program.yaml"
TWO_VERSIONS = ROOT / "kaspi-bonus" / "program.yaml"
OFFERS = ROOT / "tele2-bolshe" / "program.yaml"
NUMBER = re.compile(r"^(> )?([0-9]+)(\.[0-9]+)?(%|/[0-9]+)?$")


def words(old, new):
    return [each.words.replace("\N{NO-BREAK SPACE}", " ") for each in diff(old, new)]


def changed(file, *settings):
    """What a program says, and what it says with settings."""
    document = load_document(file)
    return check(document), check(change(document, settings))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_program_does_not_differ_from_itself(file):
    document = load_document(file)
    assert diff(check(document), check(parse_document(document.text))) == ()


def test_comments_titles_order_and_spelling_are_no_difference():
    old = """
program: p
zone: Asia/Almaty
currency: KZT
units: {bonus: {worth: 1}, star: {spendable: false}}
events:
  purchase: {amount: required, attributes: {method: text, partner: text}}
versions:
  - version: 1
    note: One thing.
    expires: 2 years
    rules:
      base: {on: purchase, unit: bonus, give: {rate: 4%}}
      qr:
        on: [purchase]
        unit: star
        when: event.method in ['qr', 'phone'] && event.partner == 'P'
        give: {points: 3}
"""
    new = """
# the same in other words
program: p
title: A name
zone: Asia/Almaty
currency: KZT
units: {bonus: {worth: 1.0}, star: {spendable: false}}
events:
  purchase: {amount: required, attributes: {partner: text, method: text}}
versions:
  - version: 1
    rules:
      qr:
        title: By phone
        on: purchase
        unit: [star]
        when: event.partner == 'P' && event.method in ['phone', 'qr']
        give: {points: 3.0}
      base: {on: purchase, unit: bonus, give: {rate: 1/25}, rounding: floor}
    expires: 24 months
"""
    assert words(check(parse_document(old)), check(parse_document(new))) == []


@pytest.mark.parametrize(
    ("file", "setting", "said"),
    [
        (LADDER, "ladders.category.c3.spend=200000",
         "level `c3` of ladder `category`: least `spend` falls from 250 000 KZT to 200 000 KZT"),
        (LADDER, "ladders.category.c3.spend=> 250000",
         "level `c3` of ladder `category`: least `spend`: more than 250 000 KZT "
         "(before 250 000 KZT)"),
        (LADDER, "rules.category-rate.give.rate.c3=6%",
         "rule `category-rate`: rate for `c3` rises from 5 % to 6 %"),
        (LADDER, "caps.month-limit.at_most.c3=",
         "cap `month-limit`: most for `c3` falls from 50 000 bonus to 10 000 bonus"),
        (LADDER, "caps.month-limit.on_breach=refuse",
         "cap `month-limit`: beyond it: refuse (before clip)"),
        (LADDER, "expires=12 months", "life of lots: 12 months (before never)"),
        (LADDER, "returns=none", "what a return takes back: none (before proportional)"),
        (LADDER, "metrics.spend.window={months: 3}",
         "metric `spend`: window: 3 months (before month)"),
        (LADDER, "rules.more={on: purchase, give: {rate: 1%}}",
         "rule `more` is new: event types purchase; unit bonus; rate 1 %"),
        (LADDER, "rules.infinite.expires=6 months",
         "rule `infinite`: life of lots: 6 months (before never)"),
        (LADDER, "ladders.category.c3.app_payments=",
         "level `c3` of ladder `category`: least `app_payments`: no longer (before 5)"),
        (TWO_VERSIONS, "effective_from=2025-07-01",
         "version 2: in force: 2025-07-01 (before 2025-06-01)"),
        (TWO_VERSIONS, "versions.1.rules.universal.give.rate=2%",
         "version 1, rule `universal`: rate rises from 1 % to 2 %"),
        (OFFERS, "rules.spring-topup.give.points=2000",
         "rule `spring-topup`: points rises from 1 000 bonus to 2 000 bonus"),
        (OFFERS, "offers.spring.until=2025-05-01",
         "offer `spring`: ends: 2025-05-01 (before 2025-04-01)"),
    ],
)  # fmt: skip
def test_what_changed_is_said_in_words(file, setting, said):
    assert said in words(*changed(file, setting))


def test_the_order_in_which_a_cap_clips_its_rules_is_a_difference():
    document = load_document(LADDER)
    text = document.text
    cut = text.index("      infinite:\n        title: 4 %")
    end = text.index("    caps:")
    start = text.index("      category-rate:\n")
    other = text[:start] + text[cut:end].rstrip() + "\n" + text[start:cut] + text[end:]
    assert words(check(document), check(parse_document(other))) == [
        "cap `month-limit`: order in which its rules are clipped: infinite, then category-rate "
        "(before category-rate, then infinite)"
    ]


def test_a_new_version_is_told_by_what_it_changes():
    old = check(open_program(f"{TWO_VERSIONS}@1"))
    new = check(load_document(TWO_VERSIONS))
    found = words(old, new)
    assert found[0] == (
        "version 2 is new, in force from 2025-06-01; after version 1 it changes this:"
    )
    assert found[1].startswith("version 2: rule `universal` is gone: event types purchase")


def test_two_versions_of_one_file_are_compared_with_each_other():
    found = words(
        check(open_program(f"{TWO_VERSIONS}@1")), check(open_program(f"{TWO_VERSIONS}@2"))
    )
    assert found[0].startswith("rule `universal` is gone")
    assert not any("in force" in each for each in found)


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.parent.name)
def test_every_number_of_a_file_can_be_set_and_its_difference_names_its_path(file):
    """What a number is only checked against, not decided by, is no difference: the ranges of
    awards, ceilings of offers."""
    document = load_document(file)
    old = check(document)
    tried = 0
    for path in paths_of(document):
        if path.startswith("versions.") or ".title" in path or "give.at_" in path:
            continue
        value = document.values
        for part in resolve(document, Setting(path, "1"))[0]:
            value = value[part]
        match = NUMBER.match(value) if isinstance(value, str) else None
        if match is None or path in ("version",) or path.startswith("ceiling."):
            continue
        number = f"{match[1] or ''}{int(match[2]) + 1}{match[3] or ''}{match[4] or ''}"
        try:
            new = check(change(document, [f"{path}={number}"]))
        except ProgramError:
            continue  # what comes of it is no program
        found = [each.path for each in diff(old, new)]
        assert any(path == each or path.startswith(f"{each}.") for each in found), (path, found)
        assert [each.path for each in diff(new, old)] == found
        tried += 1
    assert tried >= 3


@pytest.mark.parametrize(
    ("setting", "code", "hint"),
    [
        ("ladders.category.c3.spnd=1", "setting-unknown", "`ladders.category.c3.spend`"),
        ("c3.spend=1", "setting-unknown", "`ladders.category.c3.spend`"),
        ("ladder.category.c3.spend=1", "setting-unknown", "`ladders.category.c3.spend`"),
        ("rules.infinit.give.rate=5%", "setting-unknown", "`rules.infinite.give.rate`"),
        ("units.bonus.wort=1", "setting-unknown", "`units.bonus.worth`"),
        ("rules.other.give.rate=5%", "setting-unknown", ""),
        ("versions.7.expires=never", "version-unknown", ""),
        ("versions.1=7", "setting-unknown", ""),
        ("posting.after=3 days", "setting-unknown", ""),
        ("ladders.category.c1.ecosystem_purchases=", "setting-unknown", ""),
        ("expires", "setting-form", ""),
        ("=3", "setting-form", ""),
    ],
)
def test_a_path_that_is_not_there_is_refused_with_the_nearest(setting, code, hint):
    with pytest.raises(RequestError) as caught:
        change(load_document(LADDER), [setting])
    assert caught.value.code == code
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("ladders.category.c3.spend=much", "program-value"),
        ("rules.infinite.give={rate: 4%", "program-not-yaml"),
        ("rules.infinite.on=purchse", "name-unknown"),
        ("ladders.category.c3.when=held.depot", "expression-unknown-name"),
        ("ladders.category.c3.spend=10", "level-weaker"),
    ],
)
def test_a_wrong_value_is_found_as_in_any_file_and_names_the_setting(setting, code):
    try:
        found = findings(change(load_document(LADDER), [setting]))
    except ProgramError as error:
        found = error.findings
    wrong = [each for each in found if each.code == code]
    assert wrong[0].file == f"--set {setting}"


def test_settings_follow_one_another():
    document = change(load_document(LADDER), ["expires=1 year", "expires=2 years"])
    assert document.program.versions[0].expires == "2 years"
    both = change(
        load_document(LADDER),
        ["rules.more={on: purchase, give: {rate: 1%}}", "rules.more.give.rate=2%"],
    )
    assert both.program.versions[0].rules["more"].give.rate == "2%"


def test_a_setting_means_the_last_version_or_the_one_that_it_names():
    document = load_document(TWO_VERSIONS)
    last = change(document, ["returns=none"]).program.versions
    assert [each.returns for each in last] == [document.program.versions[0].returns, "none"]
    every = change(document, ["versions.*.returns=none"]).program.versions
    assert [each.returns for each in every] == ["none", "none"]


def test_the_document_that_is_changed_stays_as_it_was():
    document = load_document(LADDER)
    before = check(document)
    change(document, ["expires=1 year", "units.bonus.worth=2"])
    assert diff(before, check(document)) == ()
