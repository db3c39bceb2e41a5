"""Access keys: made, found, rotated, revoked."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError
from laurels.base.outside import random_bytes
from laurels.service.keys import (
    ENTROPY,
    LIVE,
    SANDBOX,
    TTL,
    KeyRing,
    add_key,
    find_key,
    list_keys,
    mint,
    revoke_key,
    rotate_key,
    secret,
)
from support.postgres import fresh_database

Pool = AsyncConnectionPool[Any]
HOUR = 3_600_000_000
TILL: dict[str, Any] = {"label": "Till 7", "role": "till", "programs": ("shop",), "by": "test"}
TILL |= {"sources": ("till-7",), "now": 0}


def on_database(doing: Callable[[Pool], Awaitable[None]]) -> None:
    """Run something with connections to a database of its own."""

    async def run() -> None:
        kwargs = {"autocommit": True}
        async with AsyncConnectionPool(
            fresh_database(), kwargs=kwargs, min_size=1, max_size=2
        ) as pool:
            await doing(pool)

    asyncio.run(run())


async def a_till(pool: Pool) -> str:
    async with pool.connection() as connection:
        return await add_key(connection, LIVE, **TILL, entropy=random_bytes(ENTROPY))


def name_of(text: str) -> str:
    return text.split("_")[1]


def test_a_key_holds_all_the_chance_that_it_was_given() -> None:
    entropy = bytes(range(ENTROPY))
    name, text, digest = mint(LIVE, entropy)
    assert text.startswith(f"{LIVE}_{name}_")
    assert digest == hashlib.sha256(text.encode()).digest()
    for bit in range(ENTROPY * 8):
        changed = bytearray(entropy)
        changed[bit // 8] ^= 1 << bit % 8
        assert mint(LIVE, bytes(changed))[1] != text
    assert len(mint(LIVE, b"\x00" * ENTROPY)[1]) == len(mint(LIVE, b"\xff" * ENTROPY)[1])


def test_a_key_is_known_by_its_text_and_stored_without_it() -> None:
    async def doing(pool: Pool) -> None:
        text = await a_till(pool)
        caller = await KeyRing(pool, LIVE).caller(text, 0.0, 1)
        assert (caller.key, caller.role) == (name_of(text), "till")
        assert (caller.programs, caller.sources) == (("shop",), ("till-7",))
        async with pool.connection() as connection:
            rows = await (await connection.execute("SELECT * FROM access_keys")).fetchall()
        assert text.rpartition("_")[2] not in str(rows)
        wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
        for other in (wrong, text + "0", SANDBOX + text[2:], "", "ll__", text.lower() + "é"):
            with pytest.raises(RequestError) as caught:
                await KeyRing(pool, LIVE).caller(other, 0.0, 1)
            assert caught.value.code == "access-key-wrong"

    on_database(doing)


def test_a_revoked_key_works_nowhere_once_what_was_remembered_is_old() -> None:
    async def doing(pool: Pool) -> None:
        text = await a_till(pool)
        here, there = KeyRing(pool, LIVE), KeyRing(pool, LIVE)
        await here.caller(text, 0.0, 1)
        async with pool.connection() as connection:
            await revoke_key(connection, name_of(text), 2)
        await here.caller(text, TTL - 1, 3)  # remembered
        for ring, ticks in ((here, TTL), (there, 0.0)):
            with pytest.raises(RequestError):
                await ring.caller(text, ticks, 3)

    on_database(doing)


def test_a_key_that_is_not_there_yet_is_found_soon_after_it_is_made() -> None:
    async def doing(pool: Pool) -> None:
        ring = KeyRing(pool, LIVE)
        entropy = random_bytes(ENTROPY)
        _, text, _ = mint(LIVE, entropy)
        with pytest.raises(RequestError):
            await ring.caller(text, 0.0, 1)
        async with pool.connection() as connection:
            await add_key(connection, LIVE, **TILL, entropy=entropy)
        assert (await ring.caller(text, TTL, 1)).role == "till"

    on_database(doing)


def test_when_a_key_is_rotated_both_work_until_the_old_one_ends() -> None:
    async def doing(pool: Pool) -> None:
        old = await a_till(pool)
        async with pool.connection() as connection:
            new = await rotate_key(connection, LIVE, name_of(old), by="test", now=10,
                                   ends_at=10 + HOUR, entropy=random_bytes(ENTROPY))  # fmt: skip
        ring = KeyRing(pool, LIVE)
        first, second = await ring.caller(old, 0.0, 11), await ring.caller(new, 0.0, 11)
        assert (first.role, first.sources) == (second.role, second.sources)
        assert first.key != second.key
        with pytest.raises(RequestError):
            await ring.caller(old, 0.0, 10 + HOUR)  # although it is remembered
        await ring.caller(new, 0.0, 10 + HOUR)
        async with pool.connection() as connection:
            listed = await list_keys(connection)
            assert [each.replaces for each in listed] == [name_of(old), ""]
            with pytest.raises(RequestError):
                await rotate_key(connection, LIVE, name_of(old), by="test", now=10 + HOUR,
                                 ends_at=10 + HOUR, entropy=random_bytes(ENTROPY))  # fmt: skip

    on_database(doing)


def test_to_revoke_never_lengthens_the_life_of_a_key() -> None:
    async def doing(pool: Pool) -> None:
        text = await a_till(pool)
        async with pool.connection() as connection:
            await revoke_key(connection, name_of(text), 5)
            await revoke_key(connection, name_of(text), 500)
            found = await find_key(connection, name_of(text))
            assert found is not None
            assert found.ends_at == 5
            with pytest.raises(RequestError) as caught:
                await revoke_key(connection, "nobody", 5)
        assert caught.value.code == "key-not-found"

    on_database(doing)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"role": "king"}, "role"),
        ({"label": ""}, "label"),
        ({"label": "a\nb"}, "label"),
        ({"sources": ()}, "source"),
        ({"sources": ("a b",)}, "source"),
        ({"programs": ("",)}, "program"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(change: dict, where: str) -> None:
    async def doing(pool: Pool) -> None:
        async with pool.connection() as connection:
            with pytest.raises(RequestError) as caught:
                await add_key(connection, LIVE, **(TILL | change), entropy=random_bytes(ENTROPY))
            assert caught.value.where == where
            assert await list_keys(connection) == []

    on_database(doing)


def test_a_secret_is_made_once_and_is_the_same_for_all() -> None:
    async def doing(pool: Pool) -> None:
        async with pool.connection() as connection:
            first = await secret(connection, "cursors", b"a" * 32)
            assert await secret(connection, "cursors", b"b" * 32) == first == b"a" * 32

    on_database(doing)
