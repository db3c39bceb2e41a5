-- The epoch of a program at an instant.
SELECT max(epoch) FROM program_texts
WHERE program = %(program)s AND state = 'ready' AND in_force_at <= %(at)s
