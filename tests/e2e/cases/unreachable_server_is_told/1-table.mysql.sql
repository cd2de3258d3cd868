CREATE TABLE orders (id INT PRIMARY KEY, updated_at DATETIME(6) NOT NULL, KEY (updated_at));
CREATE TABLE copies LIKE orders;
