-- Rejections that are old enough to be forgotten.
DELETE FROM rejected WHERE at < %(before)s
