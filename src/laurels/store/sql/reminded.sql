-- What members were reminded of.
SELECT member, unit, ends_at, days FROM reminders WHERE member = ANY(%(members)s::bigint[])
