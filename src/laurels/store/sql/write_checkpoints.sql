-- New checkpoints.
INSERT INTO checkpoints (member, acts_at, following, layout, place, state)
SELECT m, a, f, %(layout)s, p, s
FROM unnest(
    %(members)s::bigint[], %(instants)s::bigint[], %(following)s::integer[], %(places)s::bytea[],
    %(states)s::bytea[]
) AS u(m, a, f, p, s)
ON CONFLICT (member, acts_at) DO UPDATE SET
    following = excluded.following, layout = excluded.layout, place = excluded.place,
    state = excluded.state
