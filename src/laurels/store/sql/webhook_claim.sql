-- The endpoint that has waited longest, for as long as a lease lasts. Others are free meanwhile.
UPDATE webhooks w SET lease = %(lease)s, leased_until = %(until)s
WHERE w.webhook = (
    SELECT webhook FROM webhooks
    WHERE state = 'active' AND next_attempt_at <= %(now)s AND leased_until <= %(now)s
    ORDER BY next_attempt_at, webhook
    LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING w.webhook, w.program, w.url, w.kinds, w.secrets, w.cursor, w.attempts
