-- What budgets have given.
SELECT purse, used FROM budgets
WHERE program = %(program)s AND purse = ANY(%(purses)s::text[])
