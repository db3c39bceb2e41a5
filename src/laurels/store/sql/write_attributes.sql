-- What `member` events said, to be shown; one after the other where a member has several.
UPDATE people p SET attributes = (p.attributes::jsonb || said.body)::text
FROM (
    SELECT u.member, jsonb_object_agg(e.key, e.value ORDER BY u.number) AS body
    FROM unnest(%(members)s::bigint[], %(bodies)s::text[]) WITH ORDINALITY AS u(member, body, number)
    CROSS JOIN LATERAL jsonb_each(u.body::jsonb) AS e
    GROUP BY u.member
) said
WHERE p.member = said.member
