-- Daily heads, the first first.
SELECT p.name, h.day, h.position, h.events, h.head
FROM chain_heads h JOIN programs p USING (program)
WHERE h.day <= coalesce(%(day)s::date, h.day)
ORDER BY p.name, h.day
