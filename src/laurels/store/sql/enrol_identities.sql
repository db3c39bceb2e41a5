-- New names get members of their own; one that came in between keeps its member.
INSERT INTO identities (program, identity, member)
SELECT %(program)s, i, ('x' || substr(md5(gen_random_uuid()::text), 1, 15))::bit(60)::bigint
FROM unnest(%(identities)s::bytea[]) AS u(i)
ORDER BY i
ON CONFLICT DO NOTHING
RETURNING identity, member
