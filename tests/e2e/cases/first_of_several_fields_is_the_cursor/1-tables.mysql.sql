CREATE TABLE t (id INT PRIMARY KEY, changed DATETIME(6), made DATETIME(6) NOT NULL, KEY by_either ((COALESCE(changed, made))));
INSERT INTO t (id, changed, made) VALUES
  (1, NULL, '2025-08-26 10:00:00'),
  (2, '2025-08-26 11:00:00', '2025-08-26 07:00:00'),
  (3, NULL, '2025-08-26 09:00:00');
