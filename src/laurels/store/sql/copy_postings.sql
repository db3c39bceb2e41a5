-- Postings, in rows.
COPY postings (member, sequence, number, event, cause, kind, unit, points, debit, credit, backwards, corrects,
    rule, line, line_name, version, semantics, funder, lot_ends, lot_active, occurred_at,
    effective_at, posted_at) FROM STDIN
