"""Questions asked of replays: what a changed program would cost, and who would gain and lose.

pair      two programs that one history can be run through, and what was changed
twice     the same history under both
members   member by member: what each keeps, where each stands; distributions
compare   the whole comparison as plain data
affected  the members who are affected most, explained side by side
grid      a value tried at several settings
report    the comparison as a page
shadow    another system's postings beside ours: every difference, and its cause
shadow_page  the same as a page that both can sign
"""
