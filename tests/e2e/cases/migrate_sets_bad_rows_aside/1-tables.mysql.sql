CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, customer VARCHAR(100) NULL);
INSERT INTO orders VALUES (1, 'one'), (2, 'longer'), (3, 'two'), (4, 'six'), (5, 'longest'), (6, 'ten');
