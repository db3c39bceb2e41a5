-- Why a correction could not be posted, by unit.
ALTER TABLE correction_members ADD COLUMN problems text NOT NULL DEFAULT '{}';
