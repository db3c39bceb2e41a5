-- A stretch of the feed that an endpoint wants again.
INSERT INTO webhook_replays (webhook, replay, cursor, until, created_at, created_by)
VALUES (%(webhook)s, %(replay)s, %(cursor)s, %(until)s, %(now)s, %(by)s)
