-- Links of the events that were written between two places in the feed, in its order.
SELECT e.chain
FROM feed f JOIN events e USING (member, sequence)
WHERE f.program = %(program)s AND f.transaction >= %(first)s AND f.transaction < %(end)s
ORDER BY f.transaction, f.member, f.sequence
