-- Budgets that events draw on, locked in their one order.
SELECT purse, used FROM budgets
WHERE program = %(program)s AND purse = ANY(%(purses)s::text[])
ORDER BY purse FOR UPDATE
