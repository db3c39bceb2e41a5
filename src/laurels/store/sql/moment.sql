-- The clock, and the epoch of a program that is in force by it.
SELECT t.at, (
    SELECT max(p.epoch) FROM program_texts p
    WHERE p.program = %(program)s AND p.state = 'ready' AND p.in_force_at <= t.at
)
FROM (
    SELECT coalesce(
        (SELECT at FROM clock), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ) AS at
) t
