-- When the last event of a program was recorded, of those before an instant.
SELECT coalesce(max(recorded), -9000000000000000000)
FROM members WHERE program = %(program)s AND recorded < %(until)s
