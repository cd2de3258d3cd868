target.db
CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT CHECK (LENGTH(name) <= 4));
