CREATE TABLE orders (id INT PRIMARY KEY, updated_at DATETIME(6));
CREATE TABLE keyless (id INT);
