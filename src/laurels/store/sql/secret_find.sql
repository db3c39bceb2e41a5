-- A secret of the server.
SELECT value FROM settings WHERE key = %s
