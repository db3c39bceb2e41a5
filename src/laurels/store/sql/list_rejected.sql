-- Events of a program that were wrong in themselves.
SELECT at, source, id, actor, code, place, message FROM rejected
WHERE program = %(program)s
ORDER BY at, number LIMIT %(limit)s OFFSET %(offset)s
