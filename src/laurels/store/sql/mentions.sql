-- The events of a member that name something.
SELECT m.member, m.sequence
FROM unnest(%(members)s::bigint[], %(names)s::text[]) AS u(member, refers)
JOIN mentions m USING (member, refers)
