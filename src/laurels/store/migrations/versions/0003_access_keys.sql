-- Access keys: found by name, let in by the hash of their text.
CREATE TABLE access_keys (
    name text PRIMARY KEY,
    label text NOT NULL,
    role text NOT NULL,
    programs text NOT NULL DEFAULT '[]',
    sources text NOT NULL DEFAULT '[]',
    digest bytea NOT NULL,
    created_at bigint NOT NULL,
    created_by text NOT NULL,
    ends_at bigint,
    replaces text NOT NULL DEFAULT ''
);
