-- The server's error 1114 with its own words, without filling its disk.
CREATE TABLE audit (number INT AUTO_INCREMENT PRIMARY KEY, id INT NOT NULL);
CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL);
CREATE TRIGGER insert_audit AFTER INSERT ON items FOR EACH ROW INSERT INTO audit (id) VALUES (NEW.id);
CREATE TRIGGER update_audit AFTER UPDATE ON items FOR EACH ROW INSERT INTO audit (id) VALUES (NEW.id);
CREATE TRIGGER full_disk BEFORE INSERT ON items FOR EACH ROW
    IF NEW.id = 13 THEN
        SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table \'items\' is full';
    END IF;
