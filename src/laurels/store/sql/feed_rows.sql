-- What was written after a position, in order, up to the oldest transaction that is open.
SELECT f.transaction, f.member, f.sequence, f.kind, f.at, p.name, m.status
FROM feed f LEFT JOIN people p USING (member) LEFT JOIN members m USING (member)
WHERE (f.transaction, f.member, f.sequence)
        > (%(transaction)s::bigint, %(member)s::bigint, %(sequence)s::integer)
    AND f.transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint + coalesce(
        (SELECT value::bigint FROM settings WHERE key = 'feed_offset'), 0
    )
    AND f.program = %(program)s
ORDER BY f.transaction, f.member, f.sequence
LIMIT %(limit)s
