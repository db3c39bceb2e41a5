-- Let a member go by these names; tells whose each of them is.
WITH added AS (
    INSERT INTO identities (program, identity, member)
    SELECT %(program)s, i, %(member)s FROM unnest(%(identities)s::bytea[]) AS u(i) ORDER BY i
    ON CONFLICT DO NOTHING
    RETURNING identity, member
)
SELECT identity, member FROM added
UNION
SELECT identity, member FROM identities
WHERE program = %(program)s AND identity = ANY(%(identities)s::bytea[])
