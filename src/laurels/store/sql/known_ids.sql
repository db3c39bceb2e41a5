-- Which of these ids are known, from any source.
SELECT id, source, member, sequence FROM event_ids
WHERE program = %(program)s AND id = ANY(%(ids)s::text[])
