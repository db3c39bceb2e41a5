-- The events of members that wait for what they name.
SELECT member, sequence FROM waiting WHERE member = ANY(%(members)s::bigint[])
