-- The tables of examples/information/settings.toml, for MySQL 8 and MariaDB. Names and columns are
-- those of the older consumer; keys are what Highwater finds rows by. `list_id`, `is_del` and the two
-- times are filled by the server alone.

-- The one-table form.
CREATE TABLE IF NOT EXISTS info (
    uid VARCHAR(64) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    topic VARCHAR(249),
    name TEXT,
    data_type VARCHAR(64),
    menu_list JSON,
    info_date VARCHAR(64),
    info_section JSON,
    info_author TEXT,
    info_source TEXT,
    affiliated_data JSON
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- The form of four tables: one row for each information …
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

-- … one for its tags …
CREATE TABLE IF NOT EXISTS resource_information_tags_relation (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    tag_code VARCHAR(64),
    tag_value JSON,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY information (information_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- … one for each attachment …
CREATE TABLE IF NOT EXISTS resource_information_attachment_list (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    attachment_name VARCHAR(500),
    attachment_address TEXT,
    display_order INT NOT NULL,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY attachment (information_id, display_order)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- … and one for each section of its text.
CREATE TABLE IF NOT EXISTS resource_information_section_list (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    section_id VARCHAR(96) COLLATE utf8mb4_bin NOT NULL,
    section_order INT NOT NULL,
    title_level VARCHAR(20),
    marc_code VARCHAR(16),
    src_text LONGTEXT,
    dst_text LONGTEXT,
    media_info JSON,
    md5_encode CHAR(32),
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY section (information_id, section_order)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Whose links these are: the source of an information is found by the host of its link.
CREATE TABLE IF NOT EXISTS resource_source_list (
    source_id BIGINT NOT NULL PRIMARY KEY,
    main_link VARCHAR(500) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
