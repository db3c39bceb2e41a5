"""What must always hold (design section 7), over generated programs and generated histories.

The checks themselves are in `support/laws.py`. An example is a pair of seeds; one that fails is
made small before it is shown. `LAURELS_LONG=1` runs far more examples.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from laurels import Book, Compiled
from support import laws
from support.books import play
from support.programs import Raw, compiled, history, program_text
from support.shrink import smallest

LONG = bool(os.environ.get("LAURELS_LONG"))
PROGRAMS = 5_000 if LONG else 40
EXAMPLES = settings(
    max_examples=2_000 if LONG else 40,
    deadline=None,
    derandomize=not LONG,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, PROGRAMS - 1)
LIVES = st.integers(0, 2**32)

Law = Callable[[Compiled, Sequence[Raw], random.Random], None]


def keeps(law: Law, seed: int, life: int, returns: str | None = None) -> None:
    """A law holds for a generated history under a generated program."""

    def fails(program: Compiled, raws: Sequence[Raw]) -> str | None:
        try:
            law(program, list(raws), random.Random(life))
        except Exception as error:
            return type(error).__name__
        return None

    text = program_text(random.Random(seed), returns)
    program = compiled(text)
    raws = history(random.Random(life), program, 8 + life % 30)
    kind = fails(program, raws)
    if kind is not None:
        shown = smallest(fails, text, raws, kind)
        raise AssertionError(f"{kind}: program {seed}, life {life}\n{shown}")


def of_book(law: Callable[[Book], Any]) -> Law:
    """A law of one book, as a law of a history."""
    return lambda program, raws, rng: law(play(program, raws))


@EXAMPLES
@given(SEEDS, LIVES)
def test_every_posting_moves_points_between_legal_accounts_and_units_sum_to_zero(
    seed: int, life: int
) -> None:
    keeps(of_book(laws.legal_and_balanced), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_balance_is_open_lots_less_debt_and_the_sum_of_postings(seed: int, life: int) -> None:
    keeps(of_book(laws.balance_is_lots_and_postings), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_nothing_is_negative_and_debt_and_active_never_stand_side_by_side(
    seed: int, life: int
) -> None:
    keeps(of_book(laws.stages_are_sound), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_lots_stand_in_leaving_order_one_for_each_end_and_funder(seed: int, life: int) -> None:
    keeps(of_book(laws.lots_are_in_order), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_no_lot_leaves_out_of_order(seed: int, life: int) -> None:
    keeps(of_book(laws.nothing_leaves_out_of_order), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_issued_is_spent_expired_taken_back_and_outstanding(seed: int, life: int) -> None:
    keeps(of_book(laws.issued_is_accounted_for), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_a_cap_is_never_exceeded(seed: int, life: int) -> None:
    keeps(of_book(laws.caps_hold), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_ids_of_postings_are_unique(seed: int, life: int) -> None:
    keeps(of_book(laws.ids_are_unique), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_posted_at_never_goes_back(seed: int, life: int) -> None:
    keeps(of_book(laws.posted_at_never_goes_back), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_postings_and_what_corrects_them_add_up_to_the_latest_fold(seed: int, life: int) -> None:
    keeps(of_book(laws.journal_is_the_latest_fold), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_corrections_equal_a_fresh_fold_in_event_order(seed: int, life: int) -> None:
    keeps(of_book(laws.corrected_is_a_fresh_fold), seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_advancing_in_many_small_steps_equals_one_advance(seed: int, life: int) -> None:
    keeps(laws.steps_are_one, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_a_nightly_job_changes_nothing_that_is_posted_nor_when(seed: int, life: int) -> None:
    keeps(laws.steps_post_the_same, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_duplicates_change_nothing(seed: int, life: int) -> None:
    keeps(laws.duplicates_change_nothing, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_any_order_of_recording_gives_the_same_net_postings(seed: int, life: int) -> None:
    keeps(laws.any_order_of_recording, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_a_book_rebuilt_from_its_facts_is_the_same_book(seed: int, life: int) -> None:
    keeps(laws.rebuilt_is_the_same, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_the_size_of_checkpoints_does_not_matter(seed: int, life: int) -> None:
    keeps(laws.checkpoints_do_not_matter, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_a_withdrawn_event_leaves_no_trace(seed: int, life: int) -> None:
    keeps(laws.withdrawn_leaves_no_trace, seed, life)


@EXAMPLES
@given(SEEDS, LIVES)
def test_a_full_return_as_if_never_bought_leaves_what_no_event_leaves(seed: int, life: int) -> None:
    keeps(laws.full_return_is_no_event, seed, life, "as_if_never_bought")
