-- An access key by its name.
SELECT name, label, role, programs, sources, digest, created_at, ends_at, replaces
FROM access_keys WHERE name = %s
