-- The schema as it is after all migrations. A test compares the two.
--
-- Instants are microseconds UTC in bigint. `member` is a surrogate, random, and the first column
-- of every key of a hot table, so that the schema can be spread over a distributed PostgreSQL.
-- What crosses members (identities, event_ids, feed, budgets) is a declared exception.

CREATE TABLE settings (
    key text PRIMARY KEY,
    value text NOT NULL
);

-- The test clock of a sandbox: one row, or none where time is the database's own.
CREATE TABLE clock (
    one boolean PRIMARY KEY CHECK (one),
    at bigint NOT NULL
);

CREATE TABLE programs (
    program smallint PRIMARY KEY,
    name text NOT NULL UNIQUE
);

-- Every text that was ever published. The one in force is the highest epoch in force by now.
CREATE TABLE program_texts (
    program smallint NOT NULL REFERENCES programs,
    epoch integer NOT NULL,
    body text NOT NULL,
    state text NOT NULL CHECK (state IN ('preparing', 'ready')),
    layout text NOT NULL,
    published_at bigint NOT NULL,
    published_by text NOT NULL,
    in_force_at bigint,
    instants text NOT NULL DEFAULT '{}',
    PRIMARY KEY (program, epoch)
);

CREATE TABLE members (
    member bigint NOT NULL,
    program smallint NOT NULL,
    status smallint NOT NULL DEFAULT 0,
    sequence integer NOT NULL DEFAULT 0,
    events integer NOT NULL DEFAULT 0,
    holds integer NOT NULL DEFAULT 0,
    waiting integer NOT NULL DEFAULT 0,
    parked_until bigint,
    now bigint NOT NULL DEFAULT -9000000000000000000,
    recorded bigint NOT NULL DEFAULT -9000000000000000000,
    next_due bigint NOT NULL DEFAULT 4611686018427387904,
    layout text NOT NULL DEFAULT '',
    semantics smallint NOT NULL DEFAULT 1,
    place bytea,
    chain bytea,
    state bytea,
    PRIMARY KEY (member)
) PARTITION BY HASH (member);

-- Who a member is: everything here can be erased, nothing elsewhere names the person.
CREATE TABLE people (
    member bigint PRIMARY KEY,
    program smallint NOT NULL,
    name text NOT NULL,
    attributes text NOT NULL DEFAULT '{}',
    identities text NOT NULL DEFAULT '[]',
    created_at bigint NOT NULL
);

-- Attributes that `member` events carried; erased with the person.
CREATE TABLE personal (
    member bigint NOT NULL,
    sequence integer NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (member, sequence)
);

-- From what a member is called (its id, a phone, a card, an e-mail; as a keyed hash) to the member.
CREATE TABLE identities (
    program smallint NOT NULL,
    identity bytea NOT NULL,
    member bigint NOT NULL,
    PRIMARY KEY (program, identity)
);

-- Every identity that an event ever had. Never dropped. Sequence 0: parked.
CREATE TABLE event_ids (
    program smallint NOT NULL,
    id text NOT NULL,
    source text NOT NULL,
    member bigint NOT NULL,
    sequence integer NOT NULL,
    PRIMARY KEY (program, id, source)
) PARTITION BY HASH (id);

-- Who became whom. An event of the absorbed one with sequence number n goes by base + n in the
-- other, up to `last`; the number of a hold of its goes by shift + n.
CREATE TABLE merges (
    member bigint NOT NULL,
    absorbed bigint NOT NULL,
    base integer NOT NULL,
    last integer NOT NULL,
    shift integer NOT NULL,
    at bigint NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    PRIMARY KEY (member, absorbed),
    UNIQUE (absorbed)
);

-- Append-only. `kept` is what the fold made of the event when it was taken.
CREATE TABLE events (
    member bigint NOT NULL,
    sequence integer NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    status smallint NOT NULL,
    occurred_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    epoch integer NOT NULL,
    actor text NOT NULL,
    body text NOT NULL,
    kept bytea,
    answer bytea,
    chain bytea NOT NULL,
    PRIMARY KEY (member, sequence)
) PARTITION BY HASH (member);

-- What later events made of an earlier one: a cache beside the append-only row.
CREATE TABLE event_changes (
    member bigint NOT NULL,
    sequence integer NOT NULL,
    kept bytea NOT NULL,
    PRIMARY KEY (member, sequence)
);

-- Which events of a member name what: returns, captures, voids, holds, withdrawals, payments.
CREATE TABLE mentions (
    member bigint NOT NULL,
    refers text NOT NULL,
    sequence integer NOT NULL,
    PRIMARY KEY (member, refers, sequence)
);

-- Append-only. One row moves points from one account to another.
CREATE TABLE postings (
    member bigint NOT NULL,
    sequence integer NOT NULL,
    number smallint NOT NULL,
    event integer NOT NULL,
    cause integer NOT NULL,
    kind smallint NOT NULL,
    unit text NOT NULL,
    points bigint NOT NULL CHECK (points > 0),
    debit smallint NOT NULL,
    credit smallint NOT NULL CHECK (credit <> debit),
    backwards boolean NOT NULL,
    corrects boolean NOT NULL,
    rule text NOT NULL,
    line integer NOT NULL,
    line_name text NOT NULL,
    version integer NOT NULL,
    semantics smallint NOT NULL,
    funder text NOT NULL,
    lot_ends bigint NOT NULL,
    lot_active bigint NOT NULL,
    occurred_at bigint NOT NULL,
    effective_at bigint NOT NULL,
    posted_at bigint NOT NULL,
    PRIMARY KEY (member, sequence, number)
) PARTITION BY HASH (member);

-- What was ever corrected must be found again, so that no posting gets its id twice.
CREATE INDEX postings_corrected ON postings (member, effective_at) WHERE corrects;

-- A state right after the event at a place; every event that stands later has a sequence number
-- of at least `following`.
CREATE TABLE checkpoints (
    member bigint NOT NULL,
    acts_at bigint NOT NULL,
    following integer NOT NULL,
    layout text NOT NULL,
    place bytea NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (member, acts_at)
) PARTITION BY HASH (member);

-- Events that wait for what they name.
CREATE TABLE waiting (
    member bigint NOT NULL,
    sequence integer NOT NULL,
    program smallint NOT NULL,
    refers text NOT NULL,
    recorded_at bigint NOT NULL,
    PRIMARY KEY (member, sequence)
);

-- Events dated ahead, until their time comes.
CREATE TABLE parked (
    member bigint NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    program smallint NOT NULL,
    due_at bigint NOT NULL,
    came_at bigint NOT NULL,
    actor text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (member, source, id)
);

-- What was wrong in itself, for those who look after tills. Not remembered as identities.
CREATE TABLE rejected (
    program smallint NOT NULL,
    at bigint NOT NULL,
    number bigint NOT NULL,
    actor text NOT NULL,
    source text NOT NULL,
    id text NOT NULL,
    code text NOT NULL,
    place text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (program, at, number)
);

-- Budgets over all members: what they have given.
CREATE TABLE budgets (
    program smallint NOT NULL,
    purse text NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (program, purse)
);

-- Everything that was written, in an order in which readers miss nothing: by transaction, read up
-- to the oldest one that is open.
CREATE TABLE feed (
    transaction bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    member bigint NOT NULL,
    sequence integer NOT NULL,
    program smallint NOT NULL,
    kind smallint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (transaction, member, sequence)
);

-- The ledger by UTC day of `posted_at`: what went from one account to another. A cache of postings,
-- complete up to a transaction of the feed (ledger_until); `first` and `last` are the transactions
-- of the feed that the day's postings were written in.
CREATE TABLE ledger_days (
    program smallint NOT NULL,
    day integer NOT NULL,
    unit text NOT NULL,
    debit smallint NOT NULL,
    credit smallint NOT NULL,
    points numeric NOT NULL,
    postings bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (program, day, unit, debit, credit)
);

CREATE TABLE ledger_until (
    program smallint PRIMARY KEY,
    transaction bigint NOT NULL
);

-- Append-only. The totals of a month as they were when it was closed.
CREATE TABLE closings (
    program smallint NOT NULL,
    month text NOT NULL,
    until bigint NOT NULL,
    closed_at bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (program, month)
);

-- What members were told of points that are about to end: once for each end and notice.
CREATE TABLE reminders (
    member bigint NOT NULL,
    unit text NOT NULL,
    ends_at bigint NOT NULL,
    days smallint NOT NULL,
    sequence integer NOT NULL,
    points bigint NOT NULL,
    PRIMARY KEY (member, unit, ends_at, days)
) PARTITION BY HASH (member);

CREATE TABLE corrections (
    correction bigint PRIMARY KEY,
    program smallint NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'approved', 'posted', 'waived')),
    kind text NOT NULL,
    body text NOT NULL,
    proposed_at bigint NOT NULL,
    proposed_by text NOT NULL,
    decided_at bigint,
    decided_by text,
    source text NOT NULL DEFAULT '',
    id text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX corrections_identity ON corrections (program, source, id) WHERE id <> '';

CREATE TABLE correction_members (
    correction bigint NOT NULL REFERENCES corrections,
    member bigint NOT NULL,
    differences text NOT NULL,
    posted boolean NOT NULL DEFAULT false,
    problems text NOT NULL DEFAULT '{}',
    PRIMARY KEY (correction, member)
);

CREATE TABLE audit (
    at bigint NOT NULL,
    number bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    program smallint,
    member bigint,
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (at, number, actor)
);

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

-- Day by day a hash over the head before it and every link that was written since: transactions of
-- the feed below `position` are covered.
CREATE TABLE chain_heads (
    program smallint NOT NULL,
    day date NOT NULL,
    position bigint NOT NULL,
    events bigint NOT NULL,
    head bytea NOT NULL,
    PRIMARY KEY (program, day)
);

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

-- Eight parts of every table that grows with traffic: vacuum and indexes stay small.
CREATE TABLE members_0 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 0) WITH (fillfactor = 60);
CREATE TABLE members_1 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 1) WITH (fillfactor = 60);
CREATE TABLE members_2 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 2) WITH (fillfactor = 60);
CREATE TABLE members_3 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 3) WITH (fillfactor = 60);
CREATE TABLE members_4 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 4) WITH (fillfactor = 60);
CREATE TABLE members_5 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 5) WITH (fillfactor = 60);
CREATE TABLE members_6 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 6) WITH (fillfactor = 60);
CREATE TABLE members_7 PARTITION OF members FOR VALUES WITH (MODULUS 8, REMAINDER 7) WITH (fillfactor = 60);
CREATE TABLE event_ids_0 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE event_ids_1 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE event_ids_2 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE event_ids_3 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE event_ids_4 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE event_ids_5 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE event_ids_6 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE event_ids_7 PARTITION OF event_ids FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE TABLE events_0 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE events_1 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE events_3 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE events_4 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE events_5 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE events_6 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE events_7 PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE TABLE postings_0 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE postings_1 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE postings_2 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE postings_3 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE postings_4 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE postings_5 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE postings_6 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE postings_7 PARTITION OF postings FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE TABLE checkpoints_0 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE checkpoints_1 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE checkpoints_2 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE checkpoints_3 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE checkpoints_4 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE checkpoints_5 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE checkpoints_6 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE checkpoints_7 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE TABLE reminders_0 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE reminders_1 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE reminders_2 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE reminders_3 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE reminders_4 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE reminders_5 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE reminders_6 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE reminders_7 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 7);
