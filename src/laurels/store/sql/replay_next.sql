-- The oldest replay of an endpoint that is not done.
SELECT replay, cursor, until FROM webhook_replays
WHERE webhook = %(webhook)s ORDER BY created_at, replay LIMIT 1
