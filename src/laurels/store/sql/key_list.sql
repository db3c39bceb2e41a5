-- All access keys, the newest first.
SELECT name, label, role, programs, sources, digest, created_at, ends_at, replaces
FROM access_keys ORDER BY created_at DESC, name
