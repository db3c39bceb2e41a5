"""`laurels verify`: everybody is folded again from the stored events, and compared with what is
stored: postings, outcomes, states, chains of hashes, budgets, identities of events.

    differences  what can differ, and what likely happened
    retake       one member: its events are taken again, by the same hands that took them
    part         some members: read as binary COPY, taken again, compared
    across       what no member shows alone: budgets, identities of events, corrections
    run          the whole: parts over processes, one snapshot, one report
"""
