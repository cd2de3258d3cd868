target.db
CREATE TABLE mended (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO mended SELECT * FROM orders;
DROP TABLE orders;
ALTER TABLE mended RENAME TO orders;
