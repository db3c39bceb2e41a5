-- A new endpoint.
INSERT INTO webhooks (webhook, program, url, label, kinds, secrets, cursor, next_attempt_at,
    created_at, created_by)
VALUES (%(webhook)s, %(program)s, %(url)s, %(label)s, %(kinds)s, %(secrets)s, %(cursor)s, %(now)s,
    %(now)s, %(by)s)
