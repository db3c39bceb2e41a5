-- Waits for the batches of a program that run, and lets none begin.
SELECT pg_advisory_xact_lock(4713, %(program)s::integer)
