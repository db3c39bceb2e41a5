-- A replay that has come to its end.
DELETE FROM webhook_replays WHERE webhook = %(webhook)s AND replay = %(replay)s
