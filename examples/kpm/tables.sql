-- The tables of the older system kpm, for MySQL 8.0.13 and MariaDB 10.2 or later. It left the time of
-- writing to its consumer; here a new row takes it from the server, and keeps it when it is written again.
-- For tables that are there already:
--   ALTER TABLE users MODIFY created_at DOUBLE NOT NULL DEFAULT (UNIX_TIMESTAMP(NOW(6)));
CREATE TABLE users (
  id VARCHAR(50) NOT NULL PRIMARY KEY,
  email VARCHAR(50) NOT NULL,
  passwd VARCHAR(50) NOT NULL,
  admin BOOL NOT NULL,
  name VARCHAR(50) NOT NULL,
  image VARCHAR(500) NOT NULL,
  created_at DOUBLE NOT NULL DEFAULT (UNIX_TIMESTAMP(NOW(6))),
  UNIQUE KEY idx_email (email),
  KEY idx_created_at (created_at)
) CHARACTER SET utf8mb4;

CREATE TABLE blogs (
  id VARCHAR(50) NOT NULL PRIMARY KEY,
  user_id VARCHAR(50) NOT NULL,
  user_name VARCHAR(50) NOT NULL,
  user_image VARCHAR(500) NOT NULL,
  title VARCHAR(50) NOT NULL,
  summary VARCHAR(200) NOT NULL,
  content MEDIUMTEXT NOT NULL,
  created_at DOUBLE NOT NULL DEFAULT (UNIX_TIMESTAMP(NOW(6))),
  KEY idx_created_at (created_at)
) CHARACTER SET utf8mb4;

CREATE TABLE comments (
  id VARCHAR(50) NOT NULL PRIMARY KEY,
  blog_id VARCHAR(50) NOT NULL,
  user_id VARCHAR(50) NOT NULL,
  user_name VARCHAR(50) NOT NULL,
  user_image VARCHAR(500) NOT NULL,
  content MEDIUMTEXT NOT NULL,
  created_at DOUBLE NOT NULL DEFAULT (UNIX_TIMESTAMP(NOW(6))),
  KEY idx_created_at (created_at)
) CHARACTER SET utf8mb4;
