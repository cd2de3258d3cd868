UPDATE people SET name = 'A', n = 3 WHERE name = 'a';
