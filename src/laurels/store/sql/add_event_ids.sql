-- Identities of events, an array for each column.
INSERT INTO event_ids (
    program, id, source, member, sequence
)
SELECT * FROM unnest(
    %(program)s::smallint[], %(id)s::text[], %(source)s::text[], %(member)s::bigint[],
    %(sequence)s::integer[]
)
