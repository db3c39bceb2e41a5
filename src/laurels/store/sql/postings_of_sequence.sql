-- What was posted when events were taken.
SELECT member, sequence, number, event, cause, kind, unit, points, debit, credit, backwards, corrects,
    rule, line, line_name, version, semantics, funder, lot_ends, lot_active, occurred_at,
    effective_at, posted_at
FROM postings JOIN unnest(%(members)s::bigint[], %(sequences)s::integer[]) AS u(m, q)
    ON member = m AND sequence = q
ORDER BY member, sequence, number
