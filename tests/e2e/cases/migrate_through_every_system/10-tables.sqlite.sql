copy.db
CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, big TEXT, customer TEXT, total TEXT, placed TEXT, details TEXT, picture BLOB, updated_at TEXT);
