-- How far a replay has come.
UPDATE webhook_replays SET cursor = %(cursor)s WHERE webhook = %(webhook)s AND replay = %(replay)s
