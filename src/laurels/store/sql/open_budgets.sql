-- Budgets that nobody has drawn on before.
INSERT INTO budgets (program, purse, used)
SELECT %(program)s, p, 0 FROM unnest(%(purses)s::text[]) AS u(p) ORDER BY p
ON CONFLICT DO NOTHING
