-- How many members of a program there are to go out.
SELECT count(*) FROM members WHERE program = %(program)s AND state IS NOT NULL
