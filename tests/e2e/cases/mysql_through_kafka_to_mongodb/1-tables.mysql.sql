CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, customer VARCHAR(100) NULL, details JSON NULL, updated_at DATETIME(6) NOT NULL, KEY (updated_at, id));
INSERT INTO orders VALUES
  (1, 'one', '{"a.b": {"$c": 1}}', '2025-08-26 09:30:15.000001'),
  (2, NULL, NULL, '2025-08-26 09:30:15.000001');
