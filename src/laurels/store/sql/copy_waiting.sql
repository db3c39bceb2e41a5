-- Events that wait, in rows.
COPY waiting (member, sequence, program, refers, recorded_at) FROM STDIN
