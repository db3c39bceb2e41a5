-- Endpoints: each is a cursor in the feed of its program.
CREATE TABLE webhooks (
    webhook text PRIMARY KEY,
    program text NOT NULL,
    url text NOT NULL,
    label text NOT NULL DEFAULT '',
    kinds text NOT NULL DEFAULT '[]',
    secrets text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled')),
    reason text NOT NULL DEFAULT '',
    cursor text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at bigint NOT NULL,
    delivered_at bigint,
    lease text NOT NULL DEFAULT '',
    leased_until bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    created_by text NOT NULL
);
-- Stretches of the feed that an endpoint wants again.
CREATE TABLE webhook_replays (
    webhook text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    replay text NOT NULL,
    cursor text NOT NULL,
    until text NOT NULL,
    created_at bigint NOT NULL,
    created_by text NOT NULL,
    PRIMARY KEY (webhook, replay)
);
