-- Write down reminders, in the members' order of sequence numbers.
WITH rows AS (
    SELECT * FROM unnest(%(members)s::bigint[], %(units)s::text[], %(ends)s::bigint[],
        %(days)s::smallint[], %(sequences)s::integer[], %(points)s::bigint[])
        AS u(member, unit, ends_at, days, sequence, points)
), written AS (
    INSERT INTO reminders (member, unit, ends_at, days, sequence, points) SELECT * FROM rows
), moved AS (
    UPDATE members m SET sequence = r.sequence
    FROM (SELECT member, max(sequence) AS sequence FROM rows GROUP BY member) r
    WHERE m.member = r.member
)
INSERT INTO feed (member, sequence, program, kind, at)
SELECT member, sequence, %(program)s, 3, %(at)s FROM rows
