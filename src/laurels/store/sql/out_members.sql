-- Members, out in binary.
COPY (
    SELECT m.program, m.member, p.name, m.status, m.sequence, m.events, m.holds, m.waiting,
        m.parked_until, m.now, m.recorded, m.next_due, m.layout, m.semantics, m.place, m.chain,
        m.state
    FROM {members} m LEFT JOIN people p USING (member)
    WHERE {wanted}
) TO STDOUT (FORMAT binary)
