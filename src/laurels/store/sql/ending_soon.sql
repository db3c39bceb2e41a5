-- Members of whom something falls due between two instants, in the order of their keys.
SELECT member FROM members
WHERE program = %(program)s AND member > %(after)s AND next_due < %(until)s
    AND state IS NOT NULL AND status IN (0, 1)
ORDER BY member LIMIT %(limit)s
