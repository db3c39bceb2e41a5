-- The last daily head of a program.
SELECT day, position, head FROM chain_heads WHERE program = %(program)s ORDER BY day DESC LIMIT 1
