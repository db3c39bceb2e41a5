-- Lock members in their one order; those that others hold are left out.
SELECT m.member, p.name, m.status, m.sequence, m.events, m.holds, m.waiting, m.parked_until,
    m.now, m.recorded, m.next_due, m.layout, m.semantics, m.place, m.chain, m.state
FROM members m LEFT JOIN people p USING (member)
WHERE m.member = ANY(%(members)s::bigint[])
ORDER BY m.member
FOR UPDATE OF m SKIP LOCKED
