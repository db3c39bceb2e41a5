-- End an access key at an instant, unless it ends before.
UPDATE access_keys SET ends_at = LEAST(ends_at, %s) WHERE name = %s
