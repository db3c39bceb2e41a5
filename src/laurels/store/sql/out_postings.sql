-- Postings, out in binary.
COPY (
    SELECT m.member, m.sequence, m.number, m.event, m.cause, m.kind, m.unit, m.points, m.debit,
        m.credit, m.backwards, m.corrects, m.rule, m.line, m.line_name, m.version, m.semantics,
        m.funder, m.lot_ends, m.lot_active, m.occurred_at, m.effective_at, m.posted_at
    FROM {postings} m
    WHERE {wanted}
) TO STDOUT (FORMAT binary)
