-- Which events name what, in rows.
COPY mentions (member, refers, sequence) FROM STDIN
