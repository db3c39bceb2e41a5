-- Events of a program that are dated ahead, by the instant at which they came.
SELECT k.member, p.name, k.source, k.id, k.due_at, k.came_at, k.body
FROM parked k LEFT JOIN people p USING (member)
WHERE k.program = %(program)s
ORDER BY k.came_at, k.member, k.source, k.id LIMIT %(limit)s OFFSET %(offset)s
