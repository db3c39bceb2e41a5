"""Where things stand in the integer sequences that the kernel reads and writes.

One member is four sequences of integers. ``s`` is the state of fixed size. ``la`` holds active
lots, ``lp`` pending lots, ``lh`` held points. Lots of a unit stand in a segment of ``cap``
entries, in leaving order, between a head and a tail. ``out`` receives what was posted, ``g``
what an event was granted, so that a return can find it. Everything here also compiles to machine
code, so there are only integers and indexing, and the names are plain constants.
"""

# Instants are microseconds UTC. NEVER sorts after every instant.
NEVER = 4611686018427387904
FAR = 9000000000000000000

# --- s: the head of the state, then UNIT blocks, LADDER blocks, then the program's own slots
NOW = 0  # the state is brought to here
NEXT_DUE = 1  # nothing is due before this instant
SEEN = 2  # 1 after the first event
BORN = 3  # month * 100 + day, 0 unknown
BIRTHDAY = 4  # instant of the next birthday
HOLDS = 5  # entries in lh
RELEASED = 6  # when pending points of a non-member were last released
VERSION = 7  # index of the version in force
RELEASES = 8  # how often they were
HEAD = 9  # unit blocks start here

# a unit block
U_ACTIVE = 0
U_PENDING = 1
U_HELD = 2
U_DEBT = 3
U_AHEAD = 4
U_ATAIL = 5
U_PHEAD = 6
U_PTAIL = 7
U_SUM = 8  # credited less taken back, since the last term's end
U_SINCE = 9  # the same since U_FROM
U_FROM = 10
UNIT = 11  # size of a unit block

# a ladder block
L_LEVEL = 0  # 0 without a level
L_UNTIL = 1  # NEVER without an end
L_REACHED = 2  # the best level that this period reached by itself
L_CLOSE = 3  # instant of the next period close
L_GRACE = 4  # closes outlived
L_OPEN = 5
LADDER = 6

# an active lot, a pending lot, a held part of a lot
A_END = 0
A_FUNDER = 1
A_POINTS = 2
ACTIVE_LOT = 3

P_ACTIVE = 0
P_END = 1
P_FUNDER = 2
P_POINTS = 3
PENDING_LOT = 4

H_HOLD = 0
H_UNTIL = 1
H_UNIT = 2
H_END = 3
H_FUNDER = 4
H_POINTS = 5
HELD_LOT = 6

# --- g: what an event was granted, a record for each effect and line
G_EFFECT = 0
G_UNIT = 1
G_GRANTED = 2
G_KEPT = 3
G_ACTIVE = 4
G_END = 5
G_FUNDER = 6
G_LINE = 7  # -1: the whole event
G_ROUNDING = 8
GRANT = 9

# --- ln: the lines of an event; other columns are the program's line attributes
LN_AMOUNT = 0
LN_LEFT = 1  # amount not yet returned
LN_SHARE = 2  # scratch of a split
LN_MARK = 3  # 1: a rule covers the line
LN_REST = 4  # scratch of a split: the remainder
LN_HEAP = 5  # scratch of a split: lines by remainder
LINE = 6  # columns before the attributes

# --- ln of a sealed event: its lots, debts, counts and levels
S_WHAT = 0
S_OF = 1  # index of the unit, or of the ladder
S_POINTS = 2  # steps of the unit, or the level's code
S_ACTIVE = 3  # when the lot becomes active; of a count: what of it counts for the next term
S_END = 4  # when the lot or the level ends, NEVER without an end
S_FUNDER = 5
S_LOT = 1
S_DEBT = 2
S_COUNT = 3
S_LEVEL = 4

# --- ev: an event; other columns are the program's attributes
E_TYPE = 0
E_AT = 1
E_DAY = 2
E_MONTH = 3
E_VERSION = 4
E_AMOUNT = 5
E_LINES = 6
E_POINTS = 7
E_UNIT = 8
E_OUTCOME = 9  # 0 a request, 1 accepted, 2 refused; adjustments: 1 credit, 2 debit
E_LINE = 10  # a return: index of the line, -1 the whole event
E_HOLD = 11  # number of the hold
E_UNTIL = 12  # when a hold lapses
E_PAID = 13  # points that earlier redemptions paid towards the same event
E_PAYS = 14  # 1: the paid event is given as rf, 2: it is not known
EVENT = 15  # columns before the attributes

# --- out: count, refusal, accepted points, grants, then postings
O_COUNT = 0
O_REFUSAL = 1
O_POINTS = 2
O_GRANTS = 3
O_RETURNED = 4
OUT = 8

R_KIND = 0
R_UNIT = 1
R_POINTS = 2
R_FROM = 3
R_TO = 4
R_RULE = 5  # index of the effect, -1 none
R_END = 6
R_ACTIVE = 7
R_FUNDER = 8
R_AT = 9
R_LINE = 10
R_OLD_END = 11  # level records: the level before
RECORD = 12

# --- kinds of postings, and of records that are no postings
EARNED = 1
ACTIVATED = 2
SPENT = 3
EXPIRED = 4
TAKEN_BACK = 5
IN_DEBT = 6
DEBT_PAID = 7
SET_ASIDE = 8
RELEASE = 9
ADJUSTED = 10
TRANSFERRED = 11
WAIVED = 12
LEVEL_CHANGE = 20  # this and what follows are no postings
CUT = 21  # what a cap took off a rule's points; R_END is the cap

# --- accounts
AT_ISSUED = 1
AT_PENDING = 2
AT_ACTIVE = 3
AT_HELD = 4
AT_DEBT = 5
AT_REDEEMED = 6
AT_EXPIRED = 7
AT_RETURNED = 8
AT_ADJUSTED = 9
AT_TRANSFERRED = 10
AT_WAIVED = 11

# --- roundings
FLOOR = 0
HALF_UP = 1
HALF_EVEN = 2
CEIL = 3

# --- terms
TERM_NEVER = 0
TERM_MICROS = 1
TERM_DAYS = 2
TERM_MONTHS = 3

# --- refusals of a redemption, a hold, a capture, a void, a transfer; in order of precedence
NO_REFUSAL = 0
REFUSED_BEFORE = 1
NOT_SPENDABLE = 2
NO_POINTS = 3
PAYS_UNKNOWN = 4
NOT_HERE = 5
BELOW_MINIMUM = 6
ABOVE_LIMIT = 7
TOO_OFTEN = 8
NOT_COVERED = 9
HOLD_UNKNOWN = 10
HOLD_ENDED = 11
ABOVE_HOLD = 12
NOT_TRANSFERABLE = 13
