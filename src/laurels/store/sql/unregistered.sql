-- Events whose identity is not in the registry, or stands there for another place.
SELECT m.program, coalesce(p.name, '~' || e.member), e.sequence, e.id
FROM events e
JOIN members m ON m.member = e.member
LEFT JOIN people p ON p.member = e.member
LEFT JOIN event_ids i
    ON i.program = m.program AND i.id = e.id AND i.source = e.source
        AND i.member = e.member AND i.sequence = e.sequence
WHERE NOT (e.type = 'sealed' AND e.status = 6) AND i.id IS NULL AND (%(members)s::bigint[] IS NULL
    OR e.member = ANY(%(members)s::bigint[]))
ORDER BY e.member, e.sequence
LIMIT %(limit)s
