-- What budgets have given.
UPDATE budgets b SET used = u.used
FROM unnest(%(purses)s::text[], %(used)s::bigint[]) AS u(purse, used)
WHERE b.program = %(program)s AND b.purse = u.purse
