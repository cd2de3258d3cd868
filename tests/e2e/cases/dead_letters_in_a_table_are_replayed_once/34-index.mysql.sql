ALTER TABLE dead_letters DROP INDEX identity;
