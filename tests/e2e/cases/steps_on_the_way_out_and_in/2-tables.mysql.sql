CREATE TABLE sources (source_id INT PRIMARY KEY, main_link VARCHAR(100) NOT NULL);
INSERT INTO sources VALUES (7, 'http://www.one.org/'), (8, 'https://two.org');
CREATE TABLE pages (id BIGINT PRIMARY KEY, title VARCHAR(20), seen VARCHAR(7), price DECIMAL(40,4), source_id INT);
