-- Identities whose event is gone.
SELECT i.program, coalesce(p.name, '~' || i.member), i.sequence, i.id
FROM event_ids i
LEFT JOIN people p ON p.member = i.member
LEFT JOIN events e ON e.member = i.member AND e.sequence = i.sequence
WHERE i.sequence > 0 AND e.member IS NULL AND (%(members)s::bigint[] IS NULL
    OR i.member = ANY(%(members)s::bigint[]))
ORDER BY i.member, i.sequence
LIMIT %(limit)s
