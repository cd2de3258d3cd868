source.db
CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO orders VALUES (1, 'ok'), (2, 'too long'), (3, 'new'), (4, 'four'), (5, 'long, too'), (6, 'six');
