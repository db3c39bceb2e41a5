-- An endpoint goes, and the replays that it asked for with it.
DELETE FROM webhooks WHERE program = %(program)s AND webhook = %(webhook)s
