-- Events of a program that wait for what they name.
SELECT w.member, p.name, e.source, e.id, e.type, e.occurred_at,
    e.recorded_at, w.refers
FROM waiting w JOIN events e USING (member, sequence) LEFT JOIN people p USING (member)
WHERE w.program = %(program)s
ORDER BY w.recorded_at, w.member, w.sequence LIMIT %(limit)s OFFSET %(offset)s
