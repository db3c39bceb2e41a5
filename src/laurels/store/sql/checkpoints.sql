-- The latest checkpoint that stands before an instant, for each member.
SELECT c.member, c.following, c.layout, c.place, c.state
FROM unnest(%(members)s::bigint[], %(instants)s::bigint[]) AS u(member, acts_at)
CROSS JOIN LATERAL (
    SELECT * FROM checkpoints x
    WHERE x.member = u.member AND x.acts_at < u.acts_at
    ORDER BY x.acts_at DESC LIMIT 1
) c
