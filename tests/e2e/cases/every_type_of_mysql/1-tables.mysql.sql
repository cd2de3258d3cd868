SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES', NAMES utf8mb4;
CREATE TABLE `every ``type`` "of" 列` (
  id BIGINT AUTO_INCREMENT PRIMARY KEY,
  `tiny` TINYINT,
  `tiny_u` TINYINT UNSIGNED,
  `truth` BOOLEAN,
  `small` SMALLINT,
  `small_u` SMALLINT UNSIGNED,
  `medium` MEDIUMINT,
  `medium_u` MEDIUMINT UNSIGNED,
  `whole` INT,
  `whole_u` INT UNSIGNED,
  `big` BIGINT,
  `big_u` BIGINT UNSIGNED,
  `exact` DECIMAL(65,30),
  `exact_u` DECIMAL(20,0) UNSIGNED,
  `single` FLOAT,
  `real` DOUBLE,
  `bit1` BIT(1),
  `bit64` BIT(64),
  `fixed` CHAR(9),
  `words` VARCHAR(90),
  `latin` VARCHAR(90) CHARACTER SET latin1,
  `chinese` VARCHAR(90) CHARACTER SET gbk,
  `short` VARCHAR(90) CHARACTER SET utf8mb3,
  `wide` VARCHAR(90) CHARACTER SET utf16,
  `tiny_text` TINYTEXT,
  `text` TEXT,
  `medium_text` MEDIUMTEXT,
  `long_text` LONGTEXT,
  `bytes4` BINARY(4),
  `bytes` VARBINARY(90),
  `tiny_blob` TINYBLOB,
  `blob` BLOB,
  `medium_blob` MEDIUMBLOB,
  `long_blob` LONGBLOB,
  `day` DATE,
  `span` TIME,
  `span6` TIME(6),
  `clock` DATETIME,
  `clock3` DATETIME(3),
  `clock6` DATETIME(6),
  `at` TIMESTAMP NULL,
  `at6` TIMESTAMP(6) NULL,
  `annum` YEAR,
  `state` ENUM('new','it''s','a,b','7','完'),
  `flags` SET('z','a','it''s','7','完'),
  `doc` JSON,
  `shape` GEOMETRY,
  `spot` POINT,
  `hidden` INT INVISIBLE,
  `select` INT,
  `a``b` INT,
  `"q" 's'` INT,
  `列` INT,
  `doubled` BIGINT AS (whole * 2) VIRTUAL,
  `joined` VARCHAR(200) AS (CONCAT(words, '!')) STORED
) CHARACTER SET utf8mb4;
CREATE TABLE `as json` LIKE `every ``type`` "of" 列`;
CREATE TABLE `as protobuf` LIKE `every ``type`` "of" 列`;
SET time_zone = '+00:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `tiny`, `tiny_u`, `truth`, `small`, `small_u`, `medium`, `medium_u`, `whole`, `whole_u`, `big`, `big_u`, `exact`, `exact_u`, `single`, `real`, `bit1`, `bit64`, `fixed`, `words`, `latin`, `chinese`, `short`, `wide`, `tiny_text`, `text`, `medium_text`, `long_text`, `bytes4`, `bytes`, `tiny_blob`, `blob`, `medium_blob`, `long_blob`, `day`, `span`, `span6`, `clock`, `clock3`, `clock6`, `at`, `at6`, `annum`, `state`, `flags`, `doc`, `shape`, `spot`, `hidden`, `select`, `a``b`, `"q" 's'`, `列`)
  VALUES (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.0, b'0', 0, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '0000-00-00', '00:00:00', '-00:00:00.000001', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 0, 'new', '', '{}', ST_GeomFromText('POINT(1.5 -2)', 4326), ST_GeomFromText('POINT(1.5 -2)', 4326), 0, 0, 0, 0, 0);
SET time_zone = '-05:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `tiny`, `tiny_u`, `truth`, `small`, `small_u`, `medium`, `medium_u`, `whole`, `whole_u`, `big`, `big_u`, `exact`, `exact_u`, `single`, `real`, `bit1`, `bit64`, `fixed`, `words`, `latin`, `chinese`, `short`, `wide`, `tiny_text`, `text`, `medium_text`, `long_text`, `bytes4`, `bytes`, `tiny_blob`, `blob`, `medium_blob`, `long_blob`, `day`, `span`, `span6`, `clock`, `clock3`, `clock6`, `at`, `at6`, `annum`, `state`, `flags`, `doc`, `shape`, `spot`, `hidden`, `select`, `a``b`, `"q" 's'`, `列`)
  VALUES (1, 127, 255, 1, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615, 99999999999999999999999999999999999.999999999999999999999999999999, 99999999999999999999, 3.4028234663852886e38, 1.7976931348623157e308, b'1', 18446744073709551615, '十个 字 abc', 'a\0b\n\t\\ "q" ''s'' 😀 é é', 'äöü€ÿ\0', '通知公告', '文 é', '😀 a', '  \Z', REPEAT('长😀', 5000), REPEAT('x', 100000), '[1, "2"]', x'00ff0080', x'00ff5c27220a0d1a', x'ff', x'c328', REPEAT(x'00ff80', 30000), 'YWJj', '9999-12-31', '838:59:59', '838:59:59.000000', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999', '2037-12-31 12:00:00', '2037-12-31 12:00:00.999999', 2155, '完', 'z,a,it''s,7,完', '{"b": [1, 1.0, 18446744073709551615, -9223372036854775808, 1e300, 0.1, 123456789012345678901234567890], "a": {"é\\u0001": null, "": true}}', ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1,2 3),POLYGON((0 0,0 9,9 9,0 0)))'), ST_GeomFromText('POINT(1.5 -2)', 4326), 7, 1, 2, 3, 4);
SET time_zone = '+08:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `tiny`, `tiny_u`, `truth`, `small`, `small_u`, `medium`, `medium_u`, `whole`, `whole_u`, `big`, `big_u`, `exact`, `exact_u`, `single`, `real`, `bit1`, `bit64`, `fixed`, `words`, `latin`, `chinese`, `short`, `wide`, `tiny_text`, `text`, `medium_text`, `long_text`, `bytes4`, `bytes`, `tiny_blob`, `blob`, `medium_blob`, `long_blob`, `day`, `span`, `span6`, `clock`, `clock3`, `clock6`, `at`, `at6`, `annum`, `state`, `flags`, `doc`, `shape`, `spot`, `hidden`, `select`, `a``b`, `"q" 's'`, `列`)
  VALUES (-9223372036854775808, -128, 0, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, -99999999999999999999999999999999999.999999999999999999999999999999, 0, 0.1, 2.2250738585072014e-308, b'0', 0, '  a', '  a  ', '', '', '', '', '', '', '', '', x'61', x'6120', '', '', '', '', '2025-02-31', '-838:59:59', '-838:59:59.000000', '2025-02-31 00:00:00', '2025-00-15 01:02:03.004', '0000-01-00 00:00:00.000001', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 1901, '7', '7', '[]', ST_GeomFromText('POINT(1.5 -2)', 4326), ST_GeomFromText('POINT(1.5 -2)', 4326), 0, 0, 0, 0, 0);
SET time_zone = '+05:45';
INSERT INTO `every ``type`` "of" 列` (`id`, `at`, `at6`, `single`, `real`, `exact`, `doc`, `words`, `state`, `flags`, `day`)
  VALUES (2, '1970-01-02 00:00:00', '2025-03-30 02:30:00.000001', 16777216, 0.30000000000000004, -0.000000000000000000000000000001, '"123"', 'null', 'a,b', 'a,7', '2025-00-00');
SET time_zone = '+00:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `doc`, `at`, `at6`, `single`, `words`, `state`, `flags`)
  VALUES (3, '1.5', '2025-10-26 02:30:00', '2025-10-26 02:30:00', 1.4e-38, '123', 'it''s', 'it''s');
SET time_zone = '-05:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `doc`, `words`, `at6`, `single`, `real`, `exact`)
  VALUES (4, 'true', '{"a":1}', '2038-01-18 00:00:00.5', 3.14159, -1e22, 12345678901234567890.1);
SET time_zone = '+08:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `doc`, `single`, `real`)
  VALUES (5, '"null"', -0.0, 1e22);
SET time_zone = '+05:45';
INSERT INTO `every ``type`` "of" 列` (`id`, `doc`)
  VALUES (6, 'null');
SET time_zone = '+00:00';
INSERT INTO `every ``type`` "of" 列` (`id`)
  VALUES (7);
SET time_zone = '-05:00';
INSERT INTO `every ``type`` "of" 列` (`id`, `doc`)
  VALUES (8, '18446744073709551615');
-- What differs, by the id and the names of its columns; compared as text or bytes, floats as floats.
CREATE VIEW `json differs` AS SELECT a.id, CONCAT_WS(' ',
  IF(CAST(a.`tiny` AS CHAR) <=> CAST(b.`tiny` AS CHAR), NULL, 'tiny'),
  IF(CAST(a.`tiny_u` AS CHAR) <=> CAST(b.`tiny_u` AS CHAR), NULL, 'tiny_u'),
  IF(CAST(a.`truth` AS CHAR) <=> CAST(b.`truth` AS CHAR), NULL, 'truth'),
  IF(CAST(a.`small` AS CHAR) <=> CAST(b.`small` AS CHAR), NULL, 'small'),
  IF(CAST(a.`small_u` AS CHAR) <=> CAST(b.`small_u` AS CHAR), NULL, 'small_u'),
  IF(CAST(a.`medium` AS CHAR) <=> CAST(b.`medium` AS CHAR), NULL, 'medium'),
  IF(CAST(a.`medium_u` AS CHAR) <=> CAST(b.`medium_u` AS CHAR), NULL, 'medium_u'),
  IF(CAST(a.`whole` AS CHAR) <=> CAST(b.`whole` AS CHAR), NULL, 'whole'),
  IF(CAST(a.`whole_u` AS CHAR) <=> CAST(b.`whole_u` AS CHAR), NULL, 'whole_u'),
  IF(CAST(a.`big` AS CHAR) <=> CAST(b.`big` AS CHAR), NULL, 'big'),
  IF(CAST(a.`big_u` AS CHAR) <=> CAST(b.`big_u` AS CHAR), NULL, 'big_u'),
  IF(CAST(a.`exact` AS CHAR) <=> CAST(b.`exact` AS CHAR), NULL, 'exact'),
  IF(CAST(a.`exact_u` AS CHAR) <=> CAST(b.`exact_u` AS CHAR), NULL, 'exact_u'),
  IF(a.`single` <=> b.`single`, NULL, 'single'),
  IF(a.`real` <=> b.`real`, NULL, 'real'),
  IF(CAST(a.`bit1` + 0 AS CHAR) <=> CAST(b.`bit1` + 0 AS CHAR), NULL, 'bit1'),
  IF(CAST(a.`bit64` + 0 AS CHAR) <=> CAST(b.`bit64` + 0 AS CHAR), NULL, 'bit64'),
  IF(HEX(a.`fixed`) <=> HEX(b.`fixed`), NULL, 'fixed'),
  IF(HEX(a.`words`) <=> HEX(b.`words`), NULL, 'words'),
  IF(HEX(a.`latin`) <=> HEX(b.`latin`), NULL, 'latin'),
  IF(HEX(a.`chinese`) <=> HEX(b.`chinese`), NULL, 'chinese'),
  IF(HEX(a.`short`) <=> HEX(b.`short`), NULL, 'short'),
  IF(HEX(a.`wide`) <=> HEX(b.`wide`), NULL, 'wide'),
  IF(HEX(a.`tiny_text`) <=> HEX(b.`tiny_text`), NULL, 'tiny_text'),
  IF(HEX(a.`text`) <=> HEX(b.`text`), NULL, 'text'),
  IF(HEX(a.`medium_text`) <=> HEX(b.`medium_text`), NULL, 'medium_text'),
  IF(HEX(a.`long_text`) <=> HEX(b.`long_text`), NULL, 'long_text'),
  IF(HEX(a.`bytes4`) <=> HEX(b.`bytes4`), NULL, 'bytes4'),
  IF(HEX(a.`bytes`) <=> HEX(b.`bytes`), NULL, 'bytes'),
  IF(HEX(a.`tiny_blob`) <=> HEX(b.`tiny_blob`), NULL, 'tiny_blob'),
  IF(HEX(a.`blob`) <=> HEX(b.`blob`), NULL, 'blob'),
  IF(HEX(a.`medium_blob`) <=> HEX(b.`medium_blob`), NULL, 'medium_blob'),
  IF(HEX(a.`long_blob`) <=> HEX(b.`long_blob`), NULL, 'long_blob'),
  IF(CAST(a.`day` AS CHAR) <=> CAST(b.`day` AS CHAR), NULL, 'day'),
  IF(CAST(a.`span` AS CHAR) <=> CAST(b.`span` AS CHAR), NULL, 'span'),
  IF(CAST(a.`span6` AS CHAR) <=> CAST(b.`span6` AS CHAR), NULL, 'span6'),
  IF(CAST(a.`clock` AS CHAR) <=> CAST(b.`clock` AS CHAR), NULL, 'clock'),
  IF(CAST(a.`clock3` AS CHAR) <=> CAST(b.`clock3` AS CHAR), NULL, 'clock3'),
  IF(CAST(a.`clock6` AS CHAR) <=> CAST(b.`clock6` AS CHAR), NULL, 'clock6'),
  IF(CAST(a.`at` AS CHAR) <=> CAST(b.`at` AS CHAR), NULL, 'at'),
  IF(CAST(a.`at6` AS CHAR) <=> CAST(b.`at6` AS CHAR), NULL, 'at6'),
  IF(CAST(a.`annum` AS CHAR) <=> CAST(b.`annum` AS CHAR), NULL, 'annum'),
  IF(HEX(a.`state`) <=> HEX(b.`state`), NULL, 'state'),
  IF(HEX(a.`flags`) <=> HEX(b.`flags`), NULL, 'flags'),
  IF(HEX(a.`doc`) <=> HEX(b.`doc`), NULL, 'doc'),
  IF(HEX(a.`shape`) <=> HEX(b.`shape`), NULL, 'shape'),
  IF(HEX(a.`spot`) <=> HEX(b.`spot`), NULL, 'spot'),
  IF(CAST(a.`hidden` AS CHAR) <=> CAST(b.`hidden` AS CHAR), NULL, 'hidden'),
  IF(CAST(a.`select` AS CHAR) <=> CAST(b.`select` AS CHAR), NULL, 'select'),
  IF(CAST(a.`a``b` AS CHAR) <=> CAST(b.`a``b` AS CHAR), NULL, 'a`b'),
  IF(CAST(a.`"q" 's'` AS CHAR) <=> CAST(b.`"q" 's'` AS CHAR), NULL, '"q" ''s'''),
  IF(CAST(a.`列` AS CHAR) <=> CAST(b.`列` AS CHAR), NULL, '列'),
  IF(CAST(a.`doubled` AS CHAR) <=> CAST(b.`doubled` AS CHAR), NULL, 'doubled'),
  IF(HEX(a.`joined`) <=> HEX(b.`joined`), NULL, 'joined')
) AS columns FROM `every ``type`` "of" 列` a LEFT JOIN `as json` b USING (id);
CREATE VIEW `protobuf differs` AS SELECT a.id, CONCAT_WS(' ',
  IF(CAST(a.`tiny` AS CHAR) <=> CAST(b.`tiny` AS CHAR), NULL, 'tiny'),
  IF(CAST(a.`tiny_u` AS CHAR) <=> CAST(b.`tiny_u` AS CHAR), NULL, 'tiny_u'),
  IF(CAST(a.`truth` AS CHAR) <=> CAST(b.`truth` AS CHAR), NULL, 'truth'),
  IF(CAST(a.`small` AS CHAR) <=> CAST(b.`small` AS CHAR), NULL, 'small'),
  IF(CAST(a.`small_u` AS CHAR) <=> CAST(b.`small_u` AS CHAR), NULL, 'small_u'),
  IF(CAST(a.`medium` AS CHAR) <=> CAST(b.`medium` AS CHAR), NULL, 'medium'),
  IF(CAST(a.`medium_u` AS CHAR) <=> CAST(b.`medium_u` AS CHAR), NULL, 'medium_u'),
  IF(CAST(a.`whole` AS CHAR) <=> CAST(b.`whole` AS CHAR), NULL, 'whole'),
  IF(CAST(a.`whole_u` AS CHAR) <=> CAST(b.`whole_u` AS CHAR), NULL, 'whole_u'),
  IF(CAST(a.`big` AS CHAR) <=> CAST(b.`big` AS CHAR), NULL, 'big'),
  IF(CAST(a.`big_u` AS CHAR) <=> CAST(b.`big_u` AS CHAR), NULL, 'big_u'),
  IF(CAST(a.`exact` AS CHAR) <=> CAST(b.`exact` AS CHAR), NULL, 'exact'),
  IF(CAST(a.`exact_u` AS CHAR) <=> CAST(b.`exact_u` AS CHAR), NULL, 'exact_u'),
  IF(a.`single` <=> b.`single`, NULL, 'single'),
  IF(a.`real` <=> b.`real`, NULL, 'real'),
  IF(CAST(a.`bit1` + 0 AS CHAR) <=> CAST(b.`bit1` + 0 AS CHAR), NULL, 'bit1'),
  IF(CAST(a.`bit64` + 0 AS CHAR) <=> CAST(b.`bit64` + 0 AS CHAR), NULL, 'bit64'),
  IF(HEX(a.`fixed`) <=> HEX(b.`fixed`), NULL, 'fixed'),
  IF(HEX(a.`words`) <=> HEX(b.`words`), NULL, 'words'),
  IF(HEX(a.`latin`) <=> HEX(b.`latin`), NULL, 'latin'),
  IF(HEX(a.`chinese`) <=> HEX(b.`chinese`), NULL, 'chinese'),
  IF(HEX(a.`short`) <=> HEX(b.`short`), NULL, 'short'),
  IF(HEX(a.`wide`) <=> HEX(b.`wide`), NULL, 'wide'),
  IF(HEX(a.`tiny_text`) <=> HEX(b.`tiny_text`), NULL, 'tiny_text'),
  IF(HEX(a.`text`) <=> HEX(b.`text`), NULL, 'text'),
  IF(HEX(a.`medium_text`) <=> HEX(b.`medium_text`), NULL, 'medium_text'),
  IF(HEX(a.`long_text`) <=> HEX(b.`long_text`), NULL, 'long_text'),
  IF(HEX(a.`bytes4`) <=> HEX(b.`bytes4`), NULL, 'bytes4'),
  IF(HEX(a.`bytes`) <=> HEX(b.`bytes`), NULL, 'bytes'),
  IF(HEX(a.`tiny_blob`) <=> HEX(b.`tiny_blob`), NULL, 'tiny_blob'),
  IF(HEX(a.`blob`) <=> HEX(b.`blob`), NULL, 'blob'),
  IF(HEX(a.`medium_blob`) <=> HEX(b.`medium_blob`), NULL, 'medium_blob'),
  IF(HEX(a.`long_blob`) <=> HEX(b.`long_blob`), NULL, 'long_blob'),
  IF(CAST(a.`day` AS CHAR) <=> CAST(b.`day` AS CHAR), NULL, 'day'),
  IF(CAST(a.`span` AS CHAR) <=> CAST(b.`span` AS CHAR), NULL, 'span'),
  IF(CAST(a.`span6` AS CHAR) <=> CAST(b.`span6` AS CHAR), NULL, 'span6'),
  IF(CAST(a.`clock` AS CHAR) <=> CAST(b.`clock` AS CHAR), NULL, 'clock'),
  IF(CAST(a.`clock3` AS CHAR) <=> CAST(b.`clock3` AS CHAR), NULL, 'clock3'),
  IF(CAST(a.`clock6` AS CHAR) <=> CAST(b.`clock6` AS CHAR), NULL, 'clock6'),
  IF(CAST(a.`at` AS CHAR) <=> CAST(b.`at` AS CHAR), NULL, 'at'),
  IF(CAST(a.`at6` AS CHAR) <=> CAST(b.`at6` AS CHAR), NULL, 'at6'),
  IF(CAST(a.`annum` AS CHAR) <=> CAST(b.`annum` AS CHAR), NULL, 'annum'),
  IF(HEX(a.`state`) <=> HEX(b.`state`), NULL, 'state'),
  IF(HEX(a.`flags`) <=> HEX(b.`flags`), NULL, 'flags'),
  IF(HEX(a.`doc`) <=> HEX(b.`doc`), NULL, 'doc'),
  IF(HEX(a.`shape`) <=> HEX(b.`shape`), NULL, 'shape'),
  IF(HEX(a.`spot`) <=> HEX(b.`spot`), NULL, 'spot'),
  IF(CAST(a.`hidden` AS CHAR) <=> CAST(b.`hidden` AS CHAR), NULL, 'hidden'),
  IF(CAST(a.`select` AS CHAR) <=> CAST(b.`select` AS CHAR), NULL, 'select'),
  IF(CAST(a.`a``b` AS CHAR) <=> CAST(b.`a``b` AS CHAR), NULL, 'a`b'),
  IF(CAST(a.`"q" 's'` AS CHAR) <=> CAST(b.`"q" 's'` AS CHAR), NULL, '"q" ''s'''),
  IF(CAST(a.`列` AS CHAR) <=> CAST(b.`列` AS CHAR), NULL, '列'),
  IF(CAST(a.`doubled` AS CHAR) <=> CAST(b.`doubled` AS CHAR), NULL, 'doubled'),
  IF(HEX(a.`joined`) <=> HEX(b.`joined`), NULL, 'joined')
) AS columns FROM `every ``type`` "of" 列` a LEFT JOIN `as protobuf` b USING (id);
