CREATE TABLE orders (
  shop INT NOT NULL,
  number BIGINT UNSIGNED NOT NULL,
  customer VARCHAR(100) NULL,
  total DECIMAL(20,4) NOT NULL,
  paid TINYINT NOT NULL,
  placed DATE NOT NULL,
  details JSON NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (shop, number),
  KEY (updated_at)
);
CREATE TABLE copies (
  shop INT NOT NULL,
  number BIGINT UNSIGNED NOT NULL,
  customer VARCHAR(100) NULL,
  total DECIMAL(20,4) NOT NULL,
  paid TINYINT NOT NULL,
  placed DATE NOT NULL,
  details JSON NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (shop, number),
  KEY (updated_at)
);
INSERT INTO orders VALUES
  (2, 18446744073709551615, '王小明', 12.5000, 1, '2025-08-26', '{"a":[1,2]}', '2025-08-26 09:30:15.000001'),
  (1, 7, NULL, -0.0001, 0, '1999-12-31', NULL, '2025-08-26 09:30:15.000001'),
  (1, 6, 'O''Neil \\ "x"', 9999999999999999.9999, 0, '2025-08-26', '{"b":null}', '2025-08-26 09:30:15.000001'),
  (3, 1, '', 0, 1, '2025-08-26', '[]', '2025-08-26 09:30:15.000000');
