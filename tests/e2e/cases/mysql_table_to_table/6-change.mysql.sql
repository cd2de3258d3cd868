UPDATE orders SET paid = 1, updated_at = '2025-08-26 09:30:15.000002' WHERE shop = 1;
INSERT INTO orders VALUES (9, 9, 'new', 1, 0, '2025-01-01', NULL, '2025-08-27 00:00:00');
