-- What an owner changes of an endpoint. A change of its address or state lets it try at once.
UPDATE webhooks SET
    url = coalesce(%(url)s, url), label = coalesce(%(label)s, label),
    kinds = coalesce(%(kinds)s, kinds), secrets = coalesce(%(secrets)s, secrets),
    state = coalesce(%(state)s, state), reason = '', attempts = 0, next_attempt_at = %(now)s
WHERE program = %(program)s AND webhook = %(webhook)s
