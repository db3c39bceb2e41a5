-- What later events made of earlier ones.
INSERT INTO event_changes (member, sequence, kept)
SELECT * FROM unnest(%(members)s::bigint[], %(sequences)s::integer[], %(kept)s::bytea[])
ON CONFLICT (member, sequence) DO UPDATE SET kept = excluded.kept
