-- Events with what is kept beside them, out in binary.
COPY (
    SELECT m.member, m.sequence, m.source, m.id, m.type, m.status, m.occurred_at, m.recorded_at,
        m.epoch, m.actor, m.body, m.kept, m.answer, m.chain, p.body, c.kept
    FROM {events} m
    LEFT JOIN personal p ON m.type = 'member' AND p.member = m.member AND p.sequence = m.sequence
    LEFT JOIN event_changes c ON c.member = m.member AND c.sequence = m.sequence
    WHERE {wanted}
) TO STDOUT (FORMAT binary)
