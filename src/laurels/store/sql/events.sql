-- Events by member and sequence, with what later events made of them.
SELECT e.member, e.sequence, e.source, e.id, e.type, e.status, e.occurred_at, e.recorded_at, e.epoch,
    e.actor, coalesce(p.body, e.body), coalesce(c.kept, e.kept), e.answer, e.chain
FROM unnest(%(members)s::bigint[], %(sequences)s::integer[]) AS u(member, sequence)
JOIN events e ON e.member = u.member AND e.sequence = u.sequence
LEFT JOIN event_changes c ON c.member = e.member AND c.sequence = e.sequence
LEFT JOIN personal p ON e.type = 'member' AND p.member = e.member AND p.sequence = e.sequence
