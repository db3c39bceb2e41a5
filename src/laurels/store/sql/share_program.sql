-- Held by every batch of a program: no text comes into force while one runs.
SELECT pg_advisory_xact_lock_shared(4713, %(program)s::integer)
