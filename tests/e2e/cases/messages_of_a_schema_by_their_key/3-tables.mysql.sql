CREATE TABLE users (
  id VARCHAR(50) PRIMARY KEY,
  email VARCHAR(50) NOT NULL,
  passwd VARCHAR(50) NOT NULL,
  admin BOOL NOT NULL,
  name VARCHAR(50) NOT NULL,
  image VARCHAR(500) NOT NULL,
  number INT NOT NULL AUTO_INCREMENT UNIQUE
);
CREATE TABLE copies (
  id VARCHAR(50) PRIMARY KEY,
  email VARCHAR(50) NOT NULL,
  passwd VARCHAR(50) NOT NULL,
  admin BOOL NOT NULL,
  name VARCHAR(50) NOT NULL,
  image VARCHAR(500) NOT NULL
);
CREATE TABLE both_types (id VARCHAR(9) PRIMARY KEY, type VARCHAR(9), name VARCHAR(9), content VARCHAR(9), number INT UNIQUE);
INSERT INTO both_types VALUES ('a', 'user', 'n', NULL, 1), ('b', 'comment', NULL, 'c', 2), ('c', 'blog', NULL, NULL, 3), ('d', NULL, NULL, NULL, 4);
