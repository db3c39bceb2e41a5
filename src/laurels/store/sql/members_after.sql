-- Members of a program in the order of their keys.
SELECT member FROM members
WHERE program = %(program)s AND member > %(after)s AND state IS NOT NULL
ORDER BY member LIMIT %(limit)s
