-- The oldest transaction that is open: everything below it has been written, or never will be.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + coalesce(
    (SELECT value::bigint FROM settings WHERE key = 'feed_offset'), 0
)
