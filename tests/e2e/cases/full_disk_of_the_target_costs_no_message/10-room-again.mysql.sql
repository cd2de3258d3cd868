DROP TRIGGER full_disk;
