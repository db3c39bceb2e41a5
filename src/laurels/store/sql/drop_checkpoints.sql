-- Checkpoints that a change of history has overtaken.
DELETE FROM checkpoints c
USING unnest(%(members)s::bigint[], %(instants)s::bigint[], %(sequences)s::integer[])
    AS u(member, acts_at, sequence)
WHERE c.member = u.member AND (c.acts_at >= u.acts_at OR c.following > u.sequence)
