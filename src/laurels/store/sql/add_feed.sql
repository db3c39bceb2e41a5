-- What was written, an array for each column.
INSERT INTO feed (
    member, sequence, program, kind, at
)
SELECT * FROM unnest(
    %(member)s::bigint[], %(sequence)s::integer[], %(program)s::smallint[],
    %(kind)s::smallint[], %(at)s::bigint[]
)
