"""`laurels demo`: a real history through a real server, and on one page what an owner asks for.

server   `laurels serve` in a process of its own, over a database that is thrown away
intake   the history goes in through the API, with throughput and latency
scenes   what a shop lives through next: a return, a late purchase, points held and taken
books    the ledger of the server beside a replay of the same events
page     the owner's page: totals, one posting explained, what a change would cost
tour     all of it, in order
"""

from laurels.demo.tour import run_demo

__all__ = ["run_demo"]
