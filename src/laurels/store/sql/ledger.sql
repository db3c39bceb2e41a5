-- What was moved into every account less what was moved out of it, before an instant.
SELECT unit, account, sum(points), count(*)
FROM (
    SELECT p.unit, p.debit AS account, -p.points AS points, p.posted_at, p.member FROM postings p
    UNION ALL
    SELECT p.unit, p.credit, p.points, p.posted_at, p.member FROM postings p
) moves
JOIN members m USING (member)
WHERE m.program = %(program)s AND (%(at)s::bigint IS NULL OR posted_at < %(at)s)
GROUP BY unit, account
ORDER BY unit, account
