source.db
DELETE FROM t WHERE id > 1;
