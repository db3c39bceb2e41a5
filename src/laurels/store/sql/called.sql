-- What members are called.
SELECT member, name FROM people WHERE member = ANY(%(members)s::bigint[])
