-- A text of a program, and the instants at which its versions became known.
SELECT p.name, t.body, t.instants, t.published_at, t.in_force_at
FROM program_texts t JOIN programs p USING (program)
WHERE t.program = %(program)s AND t.epoch = %(epoch)s
