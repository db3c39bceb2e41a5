-- What was done to a member as a whole, to a correction, to a program: no event of a member.
INSERT INTO feed (member, sequence, program, kind, at)
VALUES (%(member)s, %(sequence)s, %(program)s, %(kind)s, %(at)s)
