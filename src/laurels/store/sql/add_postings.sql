-- Postings, an array for each column.
INSERT INTO postings (
    member, sequence, number, event, cause, kind, unit, points, debit, credit, backwards,
    corrects, rule, line, line_name, version, semantics, funder, lot_ends, lot_active,
    occurred_at, effective_at, posted_at
)
SELECT * FROM unnest(
    %(member)s::bigint[], %(sequence)s::integer[], %(number)s::smallint[],
    %(event)s::integer[], %(cause)s::integer[], %(kind)s::smallint[], %(unit)s::text[],
    %(points)s::bigint[], %(debit)s::smallint[], %(credit)s::smallint[],
    %(backwards)s::boolean[], %(corrects)s::boolean[], %(rule)s::text[],
    %(line)s::integer[], %(line_name)s::text[], %(version)s::integer[],
    %(semantics)s::smallint[], %(funder)s::text[], %(lot_ends)s::bigint[],
    %(lot_active)s::bigint[], %(occurred_at)s::bigint[], %(effective_at)s::bigint[],
    %(posted_at)s::bigint[]
)
