-- What was corrected from an instant on, for each member.
SELECT p.member, e.source, e.id, p.kind, p.unit, p.debit, p.credit, p.backwards, p.rule,
    p.lot_ends, p.lot_active, p.funder, p.effective_at, p.line
FROM unnest(%(members)s::bigint[], %(instants)s::bigint[]) AS u(member, acts_at)
JOIN postings p ON p.member = u.member AND p.corrects AND p.effective_at >= u.acts_at
LEFT JOIN events e ON e.member = p.member AND e.sequence = p.event
