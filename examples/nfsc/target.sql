-- The database that examples/nfsc/settings.toml writes, for MySQL 8 and MariaDB. Names and columns
-- are those of the older system; the unique keys are what Highwater finds rows by. `list_id`,
-- `is_del` and the two times are filled by the server alone.

-- The types, by their names: filled by hand.
CREATE TABLE IF NOT EXISTS nfsc_info_type_dict (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    info_type_id INT NOT NULL,
    info_type_name VARCHAR(200) NOT NULL,
    info_type_description TEXT,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS nfsc_info_list (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    info_type_id INT,
    source_id BIGINT,
    province_id INT,
    info_name TEXT,
    apply_code VARCHAR(16),
    original_link TEXT,
    publish_time DATE,
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY information (information_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS nfsc_resource_source_dict (
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

CREATE TABLE IF NOT EXISTS nfsc_info_section_list (
    list_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    section_id VARCHAR(96) COLLATE utf8mb4_bin NOT NULL,
    information_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    section_order INT NOT NULL,
    section_attr VARCHAR(32) NOT NULL DEFAULT '0',
    title_level INT NOT NULL DEFAULT 0,
    marc_code VARCHAR(16),
    src_text JSON,
    dst_text JSON,
    media_info TEXT,
    md5_encode VARCHAR(96),
    is_del TINYINT NOT NULL DEFAULT 0,
    update_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY section (information_id, section_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
