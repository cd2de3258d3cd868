-- The database that examples/nfsc/settings.toml reads, for MySQL 8 and MariaDB. Where the older
-- system's tables are there already, only the view at the end is new: it brings together what
-- becomes of one information, a row for each.

CREATE TABLE IF NOT EXISTS resource_source_dict (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    source_id BIGINT NOT NULL,
    source_name JSON,
    source_main_link VARCHAR(500),
    source_description_image JSON,
    source_intro TEXT,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY source (source_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS resource_information_list (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    information_name JSON,
    information_description JSON,
    original_link TEXT,
    original_language VARCHAR(16),
    publish_date VARCHAR(64),
    metadata JSON,
    source_id BIGINT,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY information (information_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- `tag_value` is the JSON text of a list: the type's name, then the department.
CREATE TABLE IF NOT EXISTS resource_information_tags_relation (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    tag_code VARCHAR(64),
    tag_value TEXT,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    KEY information (information_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS resource_information_section_list (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    section_id VARCHAR(96) COLLATE utf8mb4_bin NOT NULL,
    section_order INT NOT NULL,
    title_level INT,
    marc_code VARCHAR(16),
    src_text JSON,
    dst_text JSON,
    media_info TEXT,
    md5_encode VARCHAR(96),
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    KEY section (information_id, section_order)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Of several rows of tags the last one counts. Texts in JSON go as their texts: the target's columns
-- read them again.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW nfsc_information AS
SELECT
    l.list_id, l.information_id, l.information_name, l.original_link, l.publish_date, l.source_id,
    s.source_name, s.source_main_link, s.source_description_image, s.source_intro,
    (
        SELECT t.tag_value FROM resource_information_tags_relation t
        WHERE t.information_id = l.information_id ORDER BY t.list_id DESC LIMIT 1
    ) AS tag_value,
    (
        SELECT JSON_ARRAYAGG(JSON_OBJECT(
            'section_id', x.section_id, 'section_order', x.section_order,
            'title_level', COALESCE(x.title_level, 0), 'marc_code', x.marc_code,
            'src_text', CAST(x.src_text AS CHAR), 'dst_text', CAST(x.dst_text AS CHAR),
            'media_info', x.media_info, 'md5_encode', x.md5_encode
        ))
        FROM resource_information_section_list x
        WHERE x.information_id = l.information_id
    ) AS sections
FROM resource_information_list l
JOIN resource_source_dict s ON s.source_id = l.source_id
WHERE s.source_main_link = 'www.nsfc.gov.cn';
