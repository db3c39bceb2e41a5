-- What events are called.
SELECT e.member, e.sequence, e.source, e.id
FROM unnest(%(members)s::bigint[], %(sequences)s::integer[]) AS u(member, sequence)
JOIN events e USING (member, sequence)
