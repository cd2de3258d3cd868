UPDATE orders SET customer = 'changed', updated_at = '2025-08-26 09:30:15.000002' WHERE id = 1;
