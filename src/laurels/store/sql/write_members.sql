-- What is new about members.
UPDATE members m SET
    sequence = u.sequence, events = u.events, holds = u.holds, waiting = u.waiting,
    parked_until = u.parked_until, now = u.now, recorded = u.recorded, next_due = u.next_due,
    layout = %(layout)s, semantics = %(semantics)s, place = u.place, chain = u.chain,
    state = u.state
FROM unnest(
    %(members)s::bigint[], %(sequences)s::integer[], %(events)s::integer[], %(holds)s::integer[],
    %(waiting)s::integer[], %(parked)s::bigint[], %(nows)s::bigint[], %(recorded)s::bigint[],
    %(dues)s::bigint[], %(places)s::bytea[], %(chains)s::bytea[], %(states)s::bytea[]
) AS u(
    member, sequence, events, holds, waiting, parked_until, now, recorded, next_due, place, chain,
    state
)
WHERE m.member = u.member
