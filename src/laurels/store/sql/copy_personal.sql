-- What `member` events said of a person, in rows.
COPY personal (member, sequence, body) FROM STDIN
