-- The endpoints of a program, or the one of a name.
SELECT webhook, program, url, label, kinds, secrets, state, reason, cursor, attempts,
    next_attempt_at, delivered_at, created_at, created_by
FROM webhooks
WHERE program = %(program)s AND (%(webhook)s::text IS NULL OR webhook = %(webhook)s)
ORDER BY created_at, webhook
