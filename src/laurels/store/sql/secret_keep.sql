-- Keep a secret of the server, unless there is one.
INSERT INTO settings (key, value) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING
