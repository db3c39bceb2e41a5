-- What the postings of members come to: what went into each account of theirs less what went out.
SELECT member, unit, account, sum(points)::text
FROM (
    SELECT member, unit, debit AS account, -points AS points FROM postings
    WHERE member = ANY(%(members)s::bigint[])
    UNION ALL
    SELECT member, unit, credit, points FROM postings WHERE member = ANY(%(members)s::bigint[])
) sides
WHERE account IN (2, 3, 4, 5)
GROUP BY member, unit, account
