"""Rows by member, without a sort: machine code that no program changes.

A member's rows are counted, then put where they belong; within a member they keep the order of
the input, and only members whose rows are out of order are sorted. Rows are *packed*: all that
is known of an event in a few words of 64 bits, so that it is one walk to memory. In the part of
Python that is translated (see ``translate``).
"""

from __future__ import annotations

from typing import Any

type_any = Any

AT = 0
AMOUNT = 1
NAME = 2
"""Words of a packed row: the instant, the amount, the number of its id. What follows is small."""
AHEAD = 12
"""Rows by which memory is asked beforehand for what will be read here and there."""
FEW = 24
"""Rows of a member that are compared one by one."""


def soon(_: int) -> None:
    """An element will be read: machine code asks memory for it beforehand."""


# -- by member ---------------------------------------------------------------------------------


def spread_rows(
    rows: int, codes: type_any, share: int, width: int, old: type_any, first: int, new: type_any,
    ends: type_any, where: type_any,
) -> int:  # fmt: skip
    """Put packed rows where the others of their share stand: a member's code, less what is above
    its low bits, is the number of its share. ``ends``: where each of the ``share`` (a power of
    two) shares begins in ``new``, then where the last ends; ``where``: where each row went.
    ``first``: the place of the first."""
    for s in range(share + 1):
        ends[s] = 0
    for i in range(rows):
        ends[(codes[i] & (share - 1)) + 1] += 1
    ends[0] = first
    for s in range(share):
        ends[s + 1] += ends[s]
    for i in range(rows):
        s = codes[i] & (share - 1)
        to = ends[s]
        ends[s] = to + 1
        where[i] = to
        for w in range(width):
            new[to * width + w] = old[i * width + w]
    for s in range(share, 0, -1):
        ends[s] = ends[s - 1]
    ends[0] = first
    return 0


def group_rows(
    number: int, share: int, shift: int, parts: int, ends: type_any, halves: type_any, width: int,
    place: int, low: int, first: int, count: int, start: type_any, next_: type_any,
    order: type_any,
) -> int:  # fmt: skip
    """Bring the rows of share ``number`` together by member, in the order of the input.

    ends          of all ``parts`` parts of the history, as ``spread_rows`` left them
    halves        packed rows as words of 32 bits, ``width`` a row; ``place``: where its member is
    first, count  the members of the share; their rows stand in ``order`` from ``low`` on
    next_         scratch, one for each member of the share
    """
    for m in range(count):
        next_[m] = 0
    for p in range(parts):
        for i in range(ends[p * (share + 1) + number], ends[p * (share + 1) + number + 1]):
            next_[halves[i * width + place] >> shift] += 1
    to = low
    for m in range(count):
        start[first + m] = to
        to += next_[m]
        next_[m] = start[first + m]
    for p in range(parts):
        for i in range(ends[p * (share + 1) + number], ends[p * (share + 1) + number + 1]):
            m = halves[i * width + place] >> shift
            order[next_[m]] = i
            next_[m] += 1
    return 0


def note_names(
    rows: int, names: type_any, seen: type_any, size: int, suspects: type_any, found: int, room: int
) -> int:  # fmt: skip
    """Note that these numbers of ids have been seen, as two bits of a word of ``seen`` (of
    ``size`` words, a power of two); those that may have been seen before go to ``suspects``.
    Returns how many those are: more than there is ``room`` for are only counted."""
    for i in range(rows):
        if i + AHEAD < rows:
            soon(seen[(names[i + AHEAD] >> 12) & (size - 1)])
        h = names[i]
        k = (h >> 12) & (size - 1)
        bits = (1 << (h & 63)) | (1 << ((h >> 6) & 63))
        if seen[k] & bits == bits:
            if found < room:
                suspects[found] = h
            found += 1
        seen[k] = seen[k] | bits
    return found


def check_members(
    first: int, last: int, start: type_any, order: type_any, packed: type_any, width: int,
    odd: type_any, place: int, suspects: type_any, size: int, slow: type_any, twins: type_any,
    ties: type_any, c: type_any,
) -> int:  # fmt: skip
    """Bring the rows of members that are out of order into the order of time, keeping that of
    equal ones; mark members with an odd row in ``slow``.

    odd       the packed rows as bytes; ``place``: where one says that it is odd
    suspects  a table of ``size`` places, 0 where nothing is: numbers of ids that may be there
              twice; rows that have one go to ``twins``
    ties      the places in ``order`` of events at the instant of another of the same member
    c         how many went to ``twins``, and to ``ties``
    """
    found = 0
    for m in range(first, last):
        low = start[m]
        high = start[m + 1]
        sorted_ = 1
        before = -9223372036854775807
        for i in range(low, high):
            soon(packed[order[i + AHEAD] * width])
            row = order[i]
            at = packed[row * width + AT]
            name = packed[row * width + NAME]
            if odd[row * width * 8 + place] != 0:
                slow[m] = 1
            k = (name ^ (name >> 20)) & (size - 1)
            while suspects[k] != 0 and suspects[k] != name:
                k = (k + 1) & (size - 1)
            if suspects[k] == name:
                twins[found] = row
                found += 1
            if at <= before:
                sorted_ = 0
            before = at
        if sorted_ == 0:
            sort_rows(low, high, order, packed, width)
            note_ties(low, high, order, packed, width, ties, c)
    c[0] = found
    return 0


def note_ties(
    low: int, high: int, order: type_any, packed: type_any, width: int, ties: type_any,
    c: type_any,
) -> None:  # fmt: skip
    """A member's rows that have the instant of another, by their places."""
    for i in range(low, high):
        at = packed[order[i] * width + AT]
        tied = i > low and packed[order[i - 1] * width + AT] == at
        if not tied and i + 1 < high:
            tied = packed[order[i + 1] * width + AT] == at
        if tied:
            ties[c[1]] = i
            c[1] += 1


def mark_tied(rows: int, at: type_any, codes: type_any, marks: type_any) -> int:
    """Mark rows of a member at one instant that stand close to each other."""
    for i in range(1, rows):
        k = i - 1
        while k >= 0 and at[k] == at[i] and i - k <= AHEAD:
            if codes[k] == codes[i]:
                marks[i] = 1
                marks[k] = 1
            k -= 1
    return 0


def seat_names(count: int, names: type_any, size: int, table: type_any) -> int:
    """Put numbers of ids into a table of zeros, as ``check_members`` wants them."""
    for i in range(count):
        k = (names[i] ^ (names[i] >> 20)) & (size - 1)
        while table[k] != 0 and table[k] != names[i]:
            k = (k + 1) & (size - 1)
        table[k] = names[i]
    return 0


def sort_rows(low: int, high: int, order: type_any, packed: type_any, width: int) -> None:
    """A heap sort by instant, then by row."""
    size = high - low
    for first in range(size // 2 - 1, -1, -1):
        sift(low, first, size, order, packed, width)
    last = size - 1
    while last > 0:
        row = order[low]
        order[low] = order[low + last]
        order[low + last] = row
        sift(low, 0, last, order, packed, width)
        last -= 1


def sift(
    low: int, place: int, size: int, order: type_any, packed: type_any, width: int
) -> None:  # fmt: skip
    """Let a row sink to its place in the heap."""
    going = True
    while going:
        child = 2 * place + 1
        if child >= size:
            return
        if child + 1 < size and later(order[low + child + 1], order[low + child], packed, width):
            child += 1
        if later(order[low + child], order[low + place], packed, width):
            row = order[low + child]
            order[low + child] = order[low + place]
            order[low + place] = row
            place = child
        else:
            going = False


def later(one: int, other: int, packed: type_any, width: int) -> bool:
    """Whether a row comes after another."""
    a = packed[one * width + AT]
    b = packed[other * width + AT]
    found: bool = a > b or (a == b and one > other)
    return found


def gather_rows(
    first: int, last: int, order: type_any, width: int, old: type_any, new: type_any
) -> int:
    """Packed rows in the order of members, from place ``first`` to ``last``."""
    to = 0
    for i in range(first, last):
        if i + AHEAD < last:
            soon(old[order[i + AHEAD] * width])
        of = order[i] * width
        for w in range(width):
            new[to + w] = old[of + w]
        to += width
    return 0


def find_named(
    count: int, low: type_any, high: type_any, wanted: type_any, names: type_any,
    found: type_any, table: type_any,
) -> int:  # fmt: skip
    """The row of each of ``count`` names, looked for among the rows of its member, which stand
    from ``low`` to ``high`` in ``names``; -1 where there is none. Members come one after the
    other; ``table`` is scratch: a power of two at least twice the rows of the largest."""
    made = -1
    size = 0
    for n in range(count):
        found[n] = -1
        rows = high[n] - low[n]
        if rows <= FEW:
            for i in range(low[n], high[n]):
                if names[i] == wanted[n]:
                    found[n] = i
        else:
            if made != low[n]:
                made = low[n]
                size = 32
                while size < 2 * rows:
                    size *= 2
                for k in range(size):
                    table[k] = -1
                for i in range(low[n], high[n]):
                    k = (names[i] ^ (names[i] >> 20)) & (size - 1)
                    while table[k] >= 0:
                        k = (k + 1) & (size - 1)
                    table[k] = i
            k = (wanted[n] ^ (wanted[n] >> 20)) & (size - 1)
            while table[k] >= 0:
                if names[table[k]] == wanted[n]:
                    found[n] = table[k]
                    break
                k = (k + 1) & (size - 1)
    return 0


# -- texts as numbers --------------------------------------------------------------------------


def hash_texts(rows: int, ends: type_any, letters: type_any, out: type_any, odd: type_any) -> int:
    """A number for each text: equal texts have equal numbers. ``ends``: where texts begin. Texts
    that are empty, long, or more than plain ASCII are marked in ``odd``."""
    for i in range(rows):
        h = -3750763034362895579
        low = ends[i]
        high = ends[i + 1]
        if high == low or high - low > 200:
            odd[i] = 1
        for k in range(low, high):
            letter = letters[k]
            if letter < 32 or letter == 127:
                odd[i] = 1
            h = (h ^ (letter & 255)) * 1099511628211
        h = (h ^ ((h >> 32) & 4294967295)) * -7046029254386353131
        h = h ^ ((h >> 29) & 34359738367)
        out[i] = h if h != 0 else 1
    return 0


def code_texts(
    first: int, rows: int, ends: type_any, letters: type_any, hashes: type_any, out: type_any,
    table: type_any, size: int, known: type_any, known_ends: type_any, known_letters: type_any,
    c: type_any,
) -> int:  # fmt: skip
    """Codes of texts, from row ``first`` on; a text that is new gets the next code. Returns the
    row at which there was no room for a new one: ``c`` has how many are known, and for how many,
    and for how many letters, there is room."""
    count = c[0]
    for i in range(first, rows):
        h = hashes[i]
        low = ends[i]
        length = ends[i + 1] - low
        k = h & (size - 1)
        code = -1
        while code < 0 and table[k] >= 0:
            one = table[k]
            if known[one] == h and known_ends[one + 1] - known_ends[one] == length:
                code = one
                to = known_ends[one]
                for j in range(length):
                    if known_letters[to + j] != letters[low + j]:
                        code = -1
                        break
            k = (k + 1) & (size - 1)
        if code < 0:
            to = known_ends[count]
            if count >= c[1] or to + length > c[2]:
                c[0] = count
                return i
            for j in range(length):
                known_letters[to + j] = letters[low + j]
            known_ends[count + 1] = to + length
            known[count] = h
            table[k] = count
            code = count
            count += 1
        out[i] = code
    c[0] = count
    return rows


def code_numbers(
    first: int, rows: int, numbers: type_any, out: type_any, table: type_any, size: int,
    known: type_any, c: type_any,
) -> int:  # fmt: skip
    """The same for numbers."""
    count = c[0]
    for i in range(first, rows):
        n = numbers[i]
        k = mixed(n) & (size - 1)
        while table[k] >= 0 and known[table[k]] != n:
            k = (k + 1) & (size - 1)
        if table[k] < 0:
            if count >= c[1]:
                c[0] = count
                return i
            known[count] = n
            table[k] = count
            count += 1
        out[i] = table[k]
    c[0] = count
    return rows


def mixed(n: int) -> int:
    """A number whose low bits depend on all bits."""
    n = (n ^ ((n >> 32) & 4294967295)) * -7046029254386353131
    return n ^ ((n >> 32) & 4294967295)


def seat_codes(count: int, known: type_any, size: int, table: type_any, as_texts: int) -> int:
    """Put all codes into a larger table, of -1."""
    for code in range(count):
        k = (known[code] if as_texts == 1 else mixed(known[code])) & (size - 1)
        while table[k] >= 0:
            k = (k + 1) & (size - 1)
        table[k] = code
    return 0


# -- what a column says ------------------------------------------------------------------------


def look_up(
    rows: int, codes: type_any, kinds: type_any, width: int, values: type_any, flags: type_any,
    out: type_any, odd: type_any,
) -> int:  # fmt: skip
    """What each row's code means for its type of event; rows whose flag is set become odd."""
    for i in range(rows):
        k = kinds[i] * width + codes[i]
        out[i] = values[k]
        odd[i] |= flags[k]
    return 0


def narrow_decimals(
    rows: int, words: type_any, most: int, factor: int, out: type_any, odd: type_any
) -> int:
    """Decimals of 128 bits as integers ``factor`` times as large; those beyond ``most`` are 0
    and odd."""
    for i in range(rows):
        n = words[2 * i]
        if words[2 * i + 1] != (n >> 63) or n > most or n < -most:
            odd[i] = 1
            n = 0
        out[i] = n * factor
    return 0
