-- A new access key.
INSERT INTO access_keys (name, label, role, programs, sources, digest, created_at, created_by, replaces)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
