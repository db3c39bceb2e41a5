-- Events that wait no longer.
DELETE FROM waiting w USING unnest(%(members)s::bigint[], %(sequences)s::integer[])
    AS u(member, sequence)
WHERE w.member = u.member AND w.sequence = u.sequence
