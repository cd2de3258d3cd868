CREATE TABLE orders (
  id BIGINT NOT NULL PRIMARY KEY,
  big BIGINT UNSIGNED NOT NULL,
  customer VARCHAR(100) NULL,
  total DECIMAL(20,4) NOT NULL,
  placed DATE NOT NULL,
  details JSON NULL,
  picture BLOB NULL,
  updated_at DATETIME(6) NOT NULL,
  KEY (updated_at, id)
);
INSERT INTO orders VALUES
  (2, 18446744073709551615, '王小明', 12.5000, '2025-08-26', '{"a":[1,2.5]}', x'00ff', '2025-08-26 09:30:15.000001'),
  (1, 7, NULL, -0.0001, '1999-12-31', NULL, NULL, '2025-08-26 09:30:15.000001'),
  (3, 1, 'O''Neil \\ "x"', 0, '2025-08-26', '[]', '', '2025-08-26 09:30:15.000000');
