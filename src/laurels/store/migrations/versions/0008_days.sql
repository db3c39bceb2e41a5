-- The ledger by day, the months that were closed, what members were reminded of.
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

CREATE TABLE closings (
    program smallint NOT NULL,
    month text NOT NULL,
    until bigint NOT NULL,
    closed_at bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (program, month)
);

CREATE TABLE reminders (
    member bigint NOT NULL,
    unit text NOT NULL,
    ends_at bigint NOT NULL,
    days smallint NOT NULL,
    sequence integer NOT NULL,
    points bigint NOT NULL,
    PRIMARY KEY (member, unit, ends_at, days)
) PARTITION BY HASH (member);

CREATE TABLE reminders_0 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE reminders_1 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE reminders_2 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE reminders_3 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE reminders_4 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE reminders_5 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE reminders_6 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE reminders_7 PARTITION OF reminders FOR VALUES WITH (MODULUS 8, REMAINDER 7);
