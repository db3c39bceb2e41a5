-- What was wrong in itself, in rows.
COPY rejected (program, at, number, actor, source, id, code, place, message) FROM STDIN
