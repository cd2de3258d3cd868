source.db
CREATE TABLE k (name TEXT PRIMARY KEY, n INTEGER);
INSERT INTO k VALUES ('a', 1), ('A', 2), ('b', 3);
