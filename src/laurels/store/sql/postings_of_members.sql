-- All postings of members, in the order in which they were posted.
SELECT member, sequence, number, event, cause, kind, unit, points, debit, credit, backwards,
    corrects, rule, line, line_name, version, semantics, funder, lot_ends, lot_active, occurred_at,
    effective_at, posted_at
FROM postings WHERE member = ANY(%(members)s::bigint[])
ORDER BY member, sequence, number
