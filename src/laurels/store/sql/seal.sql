-- An event that holds a member's whole state and its hash.
WITH sealed AS (
    INSERT INTO events (member, sequence, source, id, type, status, occurred_at, recorded_at,
        epoch, actor, body, chain)
    VALUES (%(member)s, %(sequence)s, '', %(id)s, 'sealed', %(status)s, %(at)s, %(at)s, %(epoch)s,
        %(actor)s, %(body)s, %(chain)s)
)
UPDATE members SET sequence = %(sequence)s, chain = %(chain)s, state = %(state)s
WHERE member = %(member)s
