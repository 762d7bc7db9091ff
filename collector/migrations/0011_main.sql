-- Schema 11: what `restore` notes in a store that it made of a backup.

ALTER TABLE upkeep ADD COLUMN restored_ms INTEGER;   -- when; NULL where the store was never a backup
ALTER TABLE upkeep ADD COLUMN told_until_ms INTEGER; -- until when people had been told by the collector that the backup is of, though the backup does not know what
