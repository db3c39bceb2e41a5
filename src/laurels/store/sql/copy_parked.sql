-- Events dated ahead, in rows.
COPY parked (member, source, id, program, due_at, came_at, actor, body) FROM STDIN
