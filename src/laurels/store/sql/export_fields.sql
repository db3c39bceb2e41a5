-- Every field that events of a program have, and every one of their lines.
WITH bodies AS (
    SELECT e.body::jsonb AS body FROM events e JOIN members m USING (member)
    WHERE m.program = %(program)s AND e.body <> '{}' AND e.type NOT IN ('became', 'sealed')
    UNION ALL
    SELECT e.body::jsonb FROM events e JOIN members m USING (member)
    WHERE m.program = %(program)s AND e.type = 'sealed' AND e.status = 0
    UNION ALL
    SELECT p.body::jsonb FROM personal p JOIN members m USING (member)
    WHERE m.program = %(program)s AND %(personal)s AND NOT starts_with(p.body, '{"erased":')
)
SELECT DISTINCT f.name, false FROM bodies, jsonb_object_keys(body) AS f(name)
UNION
SELECT DISTINCT f.name, true
FROM bodies, jsonb_array_elements(body -> 'lines') AS l(line), jsonb_object_keys(line) AS f(name)
WHERE jsonb_typeof(body -> 'lines') = 'array'
