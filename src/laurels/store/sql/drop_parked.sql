-- Parked events are taken: their identity has a place now.
WITH taken AS (
    SELECT * FROM unnest(
        %(members)s::bigint[], %(sources)s::text[], %(ids)s::text[], %(sequences)s::integer[]
    ) AS u(member, source, id, sequence)
), gone AS (
    DELETE FROM parked p USING taken t
    WHERE p.member = t.member AND p.source = t.source AND p.id = t.id
)
UPDATE event_ids e SET sequence = t.sequence FROM taken t
WHERE e.program = %(program)s AND e.id = t.id AND e.source = t.source AND t.sequence > 0
