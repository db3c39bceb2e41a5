-- Identities of events, in rows.
COPY event_ids (program, id, source, member, sequence) FROM STDIN
