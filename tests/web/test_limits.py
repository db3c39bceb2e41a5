"""How much a key may send."""

import pytest

from laurels.web.api.limits import Limiter, Rate
from laurels.web.api.problems import Trouble


def test_a_key_may_send_a_burst_and_then_so_many_a_second() -> None:
    limiter = Limiter(Rate(burst=3, per_second=2.0))
    for _ in range(3):
        limiter.take("till", 10.0)
    with pytest.raises(Trouble) as caught:
        limiter.take("till", 10.0)
    assert caught.value.code == "too-many-requests"
    assert caught.value.headers["Retry-After"] == "1"
    limiter.take("till", 10.5)
    with pytest.raises(Trouble):
        limiter.take("till", 10.5)


def test_one_key_does_not_take_what_is_anothers() -> None:
    limiter = Limiter(Rate(burst=1, per_second=1.0))
    limiter.take("till-1", 0.0)
    limiter.take("till-2", 0.0)
    with pytest.raises(Trouble):
        limiter.take("till-1", 0.0)


def test_headers_say_what_is_left_and_when_it_is_full_again() -> None:
    limiter = Limiter(Rate(burst=10, per_second=5.0))
    headers = limiter.take("till", 0.0, cost=5)
    assert headers == {"RateLimit-Policy": '"key";q=10;w=2', "RateLimit": '"key";r=5;t=1'}


def test_a_clock_that_stands_still_gives_nothing_for_nothing() -> None:
    limiter = Limiter(Rate(burst=2, per_second=1000.0))
    limiter.take("till", 5.0, cost=2)
    with pytest.raises(Trouble):
        limiter.take("till", 4.0)
