-- A proposal has an identity, like any write.
ALTER TABLE corrections ADD COLUMN source text NOT NULL DEFAULT '';
ALTER TABLE corrections ADD COLUMN id text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX corrections_identity ON corrections (program, source, id) WHERE id <> '';
