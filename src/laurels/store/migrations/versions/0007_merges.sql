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
