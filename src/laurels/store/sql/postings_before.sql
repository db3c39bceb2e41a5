-- A member's postings before one of them, the newest first.
SELECT member, sequence, number, event, cause, kind, unit, points, debit, credit, backwards,
    corrects, rule, line, line_name, version, semantics, funder, lot_ends, lot_active, occurred_at,
    effective_at, posted_at
FROM postings
WHERE member = %(member)s AND (sequence, number) < (%(sequence)s, %(number)s)
ORDER BY sequence DESC, number DESC LIMIT %(limit)s
