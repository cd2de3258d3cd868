ALTER TABLE letters MODIFY message_value VARBINARY(24);
