-- Rows of new members.
WITH born AS (
    INSERT INTO people (member, program, name, created_at)
    SELECT m, %(program)s, n, %(at)s FROM unnest(%(members)s::bigint[], %(names)s::text[]) AS u(m, n)
    RETURNING member
)
INSERT INTO members (member, program) SELECT member, %(program)s FROM born ORDER BY member
