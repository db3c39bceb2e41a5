-- What was corrected from an instant on, for each member.
SELECT p.member, coalesce(e.source, o.source), coalesce(e.id, o.id), p.kind, p.unit, p.debit, p.credit, p.backwards, p.rule,
    p.lot_ends, p.lot_active, p.funder, p.effective_at, p.line
FROM unnest(%(members)s::bigint[], %(instants)s::bigint[]) AS u(member, acts_at)
JOIN postings p ON p.member = u.member AND p.corrects AND p.effective_at >= u.acts_at
LEFT JOIN events e ON e.member = p.member AND e.sequence = p.event
LEFT JOIN merges m ON e.id IS NULL AND m.member = p.member AND p.event > m.base
    AND p.event <= m.base + m.last
LEFT JOIN events o ON o.member = m.absorbed AND o.sequence = p.event - m.base
