-- Every text that can have laid out a state, the one in force of each program last.
SELECT t.program, t.epoch, t.body, t.instants, t.published_at
FROM program_texts t
WHERE t.state = 'ready' AND t.in_force_at <= coalesce(
    (SELECT at FROM clock), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
)
ORDER BY t.program, t.epoch
