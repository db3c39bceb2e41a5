"""The story runner itself: it must see what is wrong, and say where."""

from pathlib import Path

import pytest

from laurels.base.errors import ProgramError
from laurels.story import load_story, tell

PROGRAM = """
program: shop
zone: Europe/London
currency: GBP
units:
  point: {worth: 0.01}
events:
  purchase: {amount: required}
versions:
  - version: 1
    metrics:
      spend: {of: purchase, sum: event.amount}
    ladders:
      club:
        levels:
          green: {title: Green}
          gold: {spend: 100}
    rules:
      base: {on: purchase, give: {points: 1, per: 1}}
    expires: 12 months
"""


def write(folder: Path, steps: str, head: str = "title: t\nshows: x\n") -> Path:
    (folder / "program.yaml").write_text(PROGRAM)
    (folder / "stories").mkdir(exist_ok=True)
    path = folder / "stories" / "one.yaml"
    path.write_text(head + steps)
    return path


def told(folder: Path, steps: str) -> list[str]:
    path = write(folder, steps)
    return [str(each).removeprefix(f"{path}:") for each in tell(load_story(path)).differences]


def test_a_true_story_has_no_differences(tmp_path):
    assert (
        told(
            tmp_path,
            """
steps:
  - at: 2025-01-10 12:00
    repeat: 3 every 1 hour
    event: {type: purchase, amount: 40}
    sees:
      earns: 120
      by_rule: {base: 120}
      balance: 120
      level: {club: gold}
      until: {club: never}
      missing: {club: nothing}
      lots: [120 until 2026-01-11]
      next_expiry: 2026-01-11
  - before: 2026-01-11
    sees: {balance: 120, expires: nothing}
  - after: 2026-01-11
    sees: {balance: 0, expires: 120, lots: nothing, next_expiry: never}
""",
        )
        == []
    )


@pytest.mark.parametrize(
    ("sees", "difference"),
    [
        ("earns: 41", "expected earns 41 point, seen 40"),
        ("earns: nothing", "expected earns 0 point, seen 40"),
        ("spends: 1", "expected spends 1 point, seen 0"),
        ("balance: {point: 39}", "expected balance 39 point, seen 40"),
        ("debt: 1", "expected debt 1 point, seen 0"),
        ("by_rule: {base: 1}", "expected earned by rule base 1 point, seen 40"),
        ("level: {club: gold}", "expected level club gold, seen green"),
        ("until: {club: 2025-02-01}", "expected club until 2025-02-01, seen never"),
        ("missing: {club: {spend: 61}}", "expected missing in club: spend 61, seen spend 60.00"),
        ("missing: {club: nothing}", "expected missing in club: nothing, seen spend 60.00"),
        ("lots: [40 for ever]",
         "expected lots of point: 40 for ever, seen 40 until 2026-01-11 00:00:00"),
        ("next_expiry: never", "expected next expiry never, seen 2026-01-11 00:00:00"),
        ("refused: too-often", "expected refused: too-often, seen taken"),
        ("duplicate: yes", "expected duplicate: yes, seen taken"),
    ],
)  # fmt: skip
def test_what_differs_is_said(tmp_path, sees, difference):
    steps = f"""
steps:
  - at: 2025-01-10 12:00
    event: {{type: purchase, amount: 40}}
    sees:
      {sees}
"""
    assert told(tmp_path, steps) == [f"8: step 1: {difference}"]


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ("{type: redemption, points: 10}", "refused not-covered"),
        ("{type: purchase, amount: -1}", "rejected event-amount-negative"),
        ("{type: purchase}", "rejected event-amount-missing"),
        ("{type: return, returns: nothing, amount: 1}", "waiting"),
        ("dance", "ignored"),
    ],
)
def test_an_event_that_is_not_taken_must_be_expected(tmp_path, event, seen):
    steps = f"\nsteps:\n  - at: 2025-01-10\n    event: {event}\n"
    assert told(tmp_path, steps) == [f"5: step 1: expected the event to be taken, seen {seen}"]


@pytest.mark.parametrize(
    ("steps", "line", "code"),
    [
        ("steps:\n  - {at: 2025-01-10, sees: {earn: 1}}\n", 4, "story-key"),
        ("steps:\n  - {at: 2025-01-10, see: {}}\n", 4, "story-key"),
        ("steps:\n  - {at: noon}\n", 4, "story-time"),
        ("steps:\n  - {sees: {earns: 1}}\n", 4, "story-time"),
        ("steps:\n  - {after: 2025-01-10, event: dance}\n", 4, "story-time"),
        ("steps:\n  - {at: 2025-01-10}\n  - {at: 2025-01-09}\n", 5, "story-time"),
        ("steps:\n  - {at: 2025-01-10, event: {amount: 1}}\n", 4, "story-event"),
        ("steps:\n  - {at: 2025-01-10, event: dance, repeat: often}\n", 4, "story-repeat"),
        ("step: []\n", 3, "story-key"),
        ("because: x\n", 1, "story-key"),
        ("steps: [\n", 4, "story-unreadable"),
        ("continues: one.yaml\nsteps:\n  - {at: 2025-01-10}\n", 1, "story-form"),
    ],
)
def test_a_wrong_story_says_where(tmp_path, steps, line, code):
    with pytest.raises(ProgramError) as caught:
        load_story(write(tmp_path, steps))
    finding = caught.value.findings[0]
    assert (finding.code, finding.line) == (code, line)
    assert finding.file.endswith("one.yaml")


@pytest.mark.parametrize(
    ("sees", "code"),
    [
        ("earns: much", "story-number"),
        ("earns: {coin: 1}", "story-unit"),
        ("lots: [many]", "story-lot"),
        ("next_expiry: soon", "story-time"),
        ("level: {ladder: gold}", "story-ladder"),
        ("missing: {ladder: nothing}", "story-ladder"),
    ],
)
def test_an_expectation_that_means_nothing_says_where(tmp_path, sees, code):
    story = load_story(write(tmp_path, f"steps:\n  - at: 2025-01-10\n    sees:\n      {sees}\n"))
    with pytest.raises(ProgramError) as caught:
        tell(story)
    assert (caught.value.findings[0].code, caught.value.findings[0].line) == (code, 6)


def test_a_story_may_change_the_program_and_look_at_the_findings(tmp_path):
    change = "change:\n  versions.1.rules.base.give.{}\nfinds: {}\n"
    good = write(tmp_path, change.format("points: 2", "nothing"))
    assert tell(load_story(good)).holds
    wrong = write(tmp_path, change.format("points: many", "nothing"))
    assert not tell(load_story(wrong)).holds
    named = write(tmp_path, change.format("pints: 2", "program-key-unknown"))
    assert tell(load_story(named)).holds
