-- What the postings of members come to, with those of the members that became them: what went into
-- each account of theirs less what went out.
WITH RECURSIVE parts AS (
    SELECT m AS owner, m AS member FROM unnest(%(members)s::bigint[]) AS u(m)
    UNION ALL
    SELECT p.owner, g.absorbed FROM parts p JOIN merges g ON g.member = p.member
)
SELECT owner, unit, account, sum(points)::text
FROM (
    SELECT a.owner, p.unit, p.debit AS account, -p.points AS points
    FROM parts a JOIN postings p USING (member)
    UNION ALL
    SELECT a.owner, p.unit, p.credit, p.points FROM parts a JOIN postings p USING (member)
) sides
WHERE account IN (2, 3, 4, 5)
GROUP BY owner, unit, account
