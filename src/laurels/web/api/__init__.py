"""HTTP for programs: the routes under /v1, problems, keys, limits.

codec      from bytes to plain values, strictly, and back
problems   every answer that is no success
cursors    pages of long lists
limits     how much a key may send
metrics    what is counted; logs: what is written down, never about people
"""
