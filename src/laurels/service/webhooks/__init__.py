"""Webhooks: what was written, told to those who asked, in the order in which it was written.

    envelope   a row of the feed as a CloudEvent
    signing    Standard Webhooks: secrets, and the headers that prove the sender
    addresses  which addresses may be called, and what a name resolves to
    sender     one attempt, and what came of it
    endpoints  who is told: made, changed, paused, resumed
    relay      the loop: claim an endpoint, read the feed from its cursor, send, move the cursor

The outbox is the feed itself: its rows are written in the transaction of the postings. An endpoint
is a cursor in it. So nothing is lost and nothing is copied; an endpoint that fails stays where it
is, and any stretch of history can be sent again.
"""
