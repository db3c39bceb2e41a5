-- Events, an array for each column.
INSERT INTO events (
    member, sequence, source, id, type, status, occurred_at, recorded_at, epoch, actor,
    body, kept, answer, chain
)
SELECT * FROM unnest(
    %(member)s::bigint[], %(sequence)s::integer[], %(source)s::text[], %(id)s::text[],
    %(type)s::text[], %(status)s::smallint[], %(occurred_at)s::bigint[],
    %(recorded_at)s::bigint[], %(epoch)s::integer[], %(actor)s::text[], %(body)s::text[],
    %(kept)s::bytea[], %(answer)s::bytea[], %(chain)s::bytea[]
)
