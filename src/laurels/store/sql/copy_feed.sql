-- What was written, in rows.
COPY feed (member, sequence, program, kind, at) FROM STDIN
