CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, customer LONGTEXT NULL);
INSERT INTO orders VALUES (1, 'one'), (2, 'longer'), (3, 'two'), (4, 'six'), (5, 'longest'), (6, 'ten'), (7, REPEAT('x', 20000000));
CREATE TABLE many (id INT NOT NULL PRIMARY KEY, bad INT NOT NULL);
INSERT INTO many WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < 900) SELECT id, id % 3 = 0 FROM numbers;
