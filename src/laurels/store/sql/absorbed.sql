-- Everyone who became one of these members: where their numbers begin in it, and the merge.
WITH RECURSIVE became AS (
    SELECT member, absorbed, base, last, shift, at, source, id FROM merges
    WHERE member = ANY(%(members)s::bigint[])
    UNION ALL
    SELECT b.member, m.absorbed, b.base + m.base, m.last, b.shift + m.shift, b.at, b.source, b.id
    FROM became b JOIN merges m ON m.member = b.absorbed
)
SELECT member, absorbed, base, last, shift, at, source, id FROM became
ORDER BY member, base
