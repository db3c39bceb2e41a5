-- Members of whom something falls due before an instant, or of whom a parked event does,
-- or whose state is of another layout.
SELECT member, named FROM (
    SELECT m.member, coalesce(p.name, '~' || m.member) AS named FROM members m
    LEFT JOIN people p USING (member)
    WHERE m.program = %(program)s AND m.member > %(after)s
        AND (m.next_due < %(until)s OR m.parked_until <= %(until)s OR m.layout <> %(layout)s)
        AND m.state IS NOT NULL AND m.status <> 4
) due
ORDER BY member LIMIT %(limit)s
