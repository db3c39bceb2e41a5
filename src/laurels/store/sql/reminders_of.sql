-- Reminders by member and sequence number.
SELECT r.member, r.sequence, r.unit, r.points, r.ends_at, r.days FROM reminders r
JOIN unnest(%(members)s::bigint[], %(sequences)s::integer[]) AS u(member, sequence)
    ON r.member = u.member AND r.sequence = u.sequence
