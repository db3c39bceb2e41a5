-- Add to the days of the ledger what was written between two transactions of the feed.
INSERT INTO ledger_days AS d (program, day, unit, debit, credit, points, postings, first, last)
SELECT f.program, floor(p.posted_at / 86400000000.0)::integer, p.unit, p.debit, p.credit,
    sum(p.points), count(*), min(f.transaction), max(f.transaction)
FROM feed f JOIN postings p ON p.member = f.member AND p.sequence = f.sequence
WHERE f.program = %(program)s AND f.transaction >= %(since)s AND f.transaction < %(until)s
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (program, day, unit, debit, credit) DO UPDATE SET
    points = d.points + excluded.points, postings = d.postings + excluded.postings,
    first = least(d.first, excluded.first), last = greatest(d.last, excluded.last)
