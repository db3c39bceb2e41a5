"""Wiring: from settings to a server that answers. No rule stands here.

databases   which databases there are, migrated and granted; the embedded server
opening     what a process holds open for each of them: service, keys, relay, jobs
serving     the server: start, announce, serve, stop
logs        one JSON object a line, about the server itself
"""
