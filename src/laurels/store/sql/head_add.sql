-- A daily head; the first that is written for a day stays.
INSERT INTO chain_heads (program, day, position, events, head)
VALUES (%(program)s, %(day)s, %(position)s, %(events)s, %(head)s)
ON CONFLICT DO NOTHING
