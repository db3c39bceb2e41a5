-- Events, in rows.
COPY events (member, sequence, source, id, type, status, occurred_at, recorded_at, epoch, actor,
    body, kept, answer, chain) FROM STDIN
