CREATE TABLE batches (id INT AUTO_INCREMENT PRIMARY KEY, next_offset BIGINT NOT NULL);
CREATE TRIGGER first_batch AFTER INSERT ON highwater_progress FOR EACH ROW INSERT INTO batches (next_offset) VALUES (NEW.next_offset);
CREATE TRIGGER next_batch AFTER UPDATE ON highwater_progress FOR EACH ROW INSERT INTO batches (next_offset) VALUES (NEW.next_offset);
