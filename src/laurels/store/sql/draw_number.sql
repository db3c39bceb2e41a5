-- A number of 60 bits, by chance: where rows go on from, that many writers add at one instant.
SELECT ('x' || left(md5(gen_random_uuid()::text), 15))::bit(60)::bigint
