-- Events of members that are dated ahead.
SELECT member, source, id, due_at, came_at, actor, body FROM parked
WHERE member = ANY(%(members)s::bigint[])
ORDER BY member, due_at, source, id
