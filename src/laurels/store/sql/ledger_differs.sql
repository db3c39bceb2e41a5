-- Days of which the roll-up, with what was written since, is not the sum of the postings.
WITH summed AS (
    SELECT floor(p.posted_at / 86400000000.0)::integer AS day, p.unit, p.debit, p.credit,
        sum(p.points) AS points, count(*) AS postings
    FROM postings p JOIN members m USING (member)
    WHERE m.program = %(program)s
    GROUP BY 1, 2, 3, 4
), rolled AS (
    SELECT day, unit, debit, credit, sum(points) AS points, sum(postings)::bigint AS postings FROM (
        SELECT day, unit, debit, credit, points, postings FROM ledger_days
        WHERE program = %(program)s
        UNION ALL
        SELECT floor(p.posted_at / 86400000000.0)::integer, p.unit, p.debit, p.credit, p.points, 1
        FROM feed f JOIN postings p ON p.member = f.member AND p.sequence = f.sequence
        WHERE f.program = %(program)s AND f.transaction >= coalesce(
            (SELECT transaction FROM ledger_until WHERE program = %(program)s), 0)
    ) both_parts
    GROUP BY 1, 2, 3, 4
)
SELECT coalesce(s.day, r.day), coalesce(s.unit, r.unit), coalesce(s.debit, r.debit),
    coalesce(s.credit, r.credit), coalesce(s.points, 0)::text, coalesce(r.points, 0)::text
FROM summed s FULL JOIN rolled r USING (day, unit, debit, credit)
WHERE s.points IS DISTINCT FROM r.points OR s.postings IS DISTINCT FROM r.postings
ORDER BY 1, 2, 3, 4
