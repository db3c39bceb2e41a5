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
);
