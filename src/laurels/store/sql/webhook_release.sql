-- What came of a turn, unless the lease has gone to another or an owner has stopped the endpoint.
UPDATE webhooks SET
    cursor = %(cursor)s, attempts = %(attempts)s, next_attempt_at = %(next)s, reason = %(reason)s,
    state = CASE WHEN state = 'active' THEN %(state)s ELSE state END,
    delivered_at = coalesce(%(delivered)s, delivered_at), lease = '', leased_until = 0
WHERE webhook = %(webhook)s AND lease = %(lease)s
