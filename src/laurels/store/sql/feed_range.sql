-- The first and the last transaction of a program that was recorded in a stretch of time.
SELECT min(transaction), max(transaction) FROM feed
WHERE program = %(program)s AND at >= %(since)s AND at < %(until)s
