-- The caches of a member, made anew.
UPDATE members SET now = %(now)s, recorded = %(recorded)s, next_due = %(due)s,
    layout = %(layout)s, semantics = %(semantics)s, state = %(state)s, events = %(events)s,
    holds = %(holds)s, waiting = %(waiting)s, place = %(place)s
WHERE member = %(member)s
