-- What was moved into every account less what was moved out of it, before an instant: the days that
-- are rolled up, the day of the instant, and what was written since.
WITH rolled AS (
    SELECT coalesce(
        (SELECT transaction FROM ledger_until WHERE program = %(program)s), 0
    ) AS until
), day AS (
    SELECT min(first) AS first, max(last) AS last FROM ledger_days
    WHERE program = %(program)s AND day = %(day)s::integer
), moves AS (
    SELECT unit, debit, credit, points, postings FROM ledger_days
    WHERE program = %(program)s AND (%(day)s::integer IS NULL OR day < %(day)s)
    UNION ALL
    SELECT p.unit, p.debit, p.credit, p.points, 1
    FROM feed f JOIN postings p ON p.member = f.member AND p.sequence = f.sequence
    WHERE f.program = %(program)s AND f.transaction >= (SELECT until FROM rolled)
        AND (%(at)s::bigint IS NULL OR p.posted_at < %(at)s)
    UNION ALL
    SELECT p.unit, p.debit, p.credit, p.points, 1
    FROM feed f JOIN postings p ON p.member = f.member AND p.sequence = f.sequence
    WHERE f.program = %(program)s
        AND f.transaction BETWEEN (SELECT first FROM day) AND (SELECT last FROM day)
        AND p.posted_at >= %(midnight)s::bigint AND p.posted_at < %(at)s
)
SELECT unit, account, sum(points)::text, sum(postings)::bigint
FROM (
    SELECT unit, debit AS account, -points AS points, postings FROM moves
    UNION ALL
    SELECT unit, credit, points, postings FROM moves
) sides
GROUP BY unit, account
ORDER BY unit, account
