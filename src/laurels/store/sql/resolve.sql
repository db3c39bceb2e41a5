-- The members that go by these names.
SELECT identity, member FROM identities
WHERE program = %(program)s AND identity = ANY(%(identities)s::bytea[])
