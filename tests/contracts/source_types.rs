//! Types that a column of MySQL and MariaDB can be ordered by, with values that are hard to tell apart.

/// A column's type, and values of it as SQL writes them.
pub type Typed = (&'static str, &'static [&'static str]);

pub const ON_EVERY_SERVER: &[Typed] = &[
    (
        "BIGINT UNSIGNED",
        &[
            "0",
            "1",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
        ],
    ),
    (
        "BIGINT",
        &["-9223372036854775808", "-1", "0", "9223372036854775807"],
    ),
    ("TINYINT(1)", &["-128", "-1", "0", "1", "127"]),
    ("MEDIUMINT UNSIGNED", &["0", "16777215"]),
    (
        "DECIMAL(65,30)",
        &[
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "-0.000000000000000000000000000001",
            "0",
            "0.000000000000000000000000000001",
            "99999999999999999999999999999999999.999999999999999999999999999998",
            "99999999999999999999999999999999999.999999999999999999999999999999",
        ],
    ),
    ("DECIMAL(10,0) UNSIGNED", &["0", "9999999999"]),
    (
        "FLOAT",
        &[
            "-3.4e38", "-0.1", "0", "-0.0", "1e-45", "0.1", "16777216", "16777218", "3.4e38",
        ],
    ),
    (
        "DOUBLE",
        &[
            "-1.7e308",
            "-0.1",
            "0",
            "-0.0",
            "5e-324",
            "0.1",
            "0.30000000000000004",
            "0.3",
            "1.7e308",
        ],
    ),
    ("FLOAT(7,3)", &["-0.001", "0.001", "1234.567", "1234.568"]),
    (
        "DATE",
        &[
            "'0000-00-00'",
            "'2025-00-00'",
            "'2025-00-15'",
            "'2025-01-31'",
            "'9999-12-31'",
        ],
    ),
    (
        "DATETIME(6)",
        &[
            "'0000-00-00 00:00:00'",
            "'2025-02-00 01:00:00'",
            "'2025-10-26 02:30:00.000001'",
            "'2025-10-26 02:30:00.000002'",
            "'9999-12-31 23:59:59.999999'",
        ],
    ),
    (
        "DATETIME",
        &["'1000-01-01 00:00:00'", "'2025-03-30 02:30:00'"],
    ),
    // Both sides of the hour that Europe's clocks have twice, and the one that they skip.
    (
        "TIMESTAMP(6) NULL",
        &[
            "'0000-00-00 00:00:00'",
            "'1970-01-01 00:00:01'",
            "'2025-03-30 01:30:00'",
            "'2025-10-26 00:30:00'",
            "'2025-10-26 01:30:00.000001'",
            "'2038-01-19 03:14:07.999999'",
        ],
    ),
    // MySQL may take the texts of some for those of a day and an hour: 2010-11-12 23.
    (
        "TIME(6)",
        &[
            "'-838:59:59'",
            "'-00:00:00.000001'",
            "'00:00:00'",
            "'00:00:00.000001'",
            "'10:11:12.000001'",
            "'10:11:12.000023'",
            "'23:59:59.999999'",
            "'838:59:59'",
        ],
    ),
    ("YEAR", &["0", "1901", "2000", "2155"]),
    // In the order of their declaration, not of their text; the last is no member, which IGNORE makes
    // the number 0 and no text of.
    (
        "ENUM('zeta','alpha','7','it''s','b\\\\s','ÄÖ','a,b','3')",
        &[
            "'zeta'", "'alpha'", "'7'", "'it''s'", "'b\\\\s'", "'ÄÖ'", "'a,b'", "'3'", "'none'",
        ],
    ),
    (
        "SET('z','a','q','7')",
        &[
            "''",
            "'z'",
            "'a'",
            "'z,a'",
            "'q'",
            "'a,q'",
            "'7'",
            "'z,a,q,7'",
        ],
    ),
    (
        WIDE_SET,
        &[
            "''",
            "'m0'",
            "'m61'",
            "'m62'",
            "'m0,m62'",
            "9223372036854775807",
        ],
    ),
    ("BIT(1)", &["b'0'", "b'1'"]),
    ("BIT(17)", &["0", "255", "256", "65536", "131071"]),
    (
        "BIT(64)",
        &[
            "0",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
        ],
    ),
    (
        "VARBINARY(16)",
        &["''", "x'00'", "x'0000'", "x'00ff'", "x'20'", "x'ff'"],
    ),
    (
        "BINARY(4)",
        &["x'00000000'", "x'61'", "x'6120'", "x'ffffffff'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &[
            "''", "'a'", "'A'", "'a '", "'á'", "'b'", "'ss'", "'ß'", "'文'", "'😀'", "'😁'",
        ],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        &[
            "'a'",
            "'A'",
            "'a '",
            "'á'",
            "'ss'",
            "'ß'",
            "'ä'",
            "'ae'",
            "'b'",
            "'😀'",
            "'a\u{301}'",
        ],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        &["'a'", "'A'", "'a '", "'á'", "'ß'", "'😀'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        &["'a'", "'A'", "'ä'", "'z'", "'å'", "'ÿ'", "'€'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci",
        &["'ae'", "'ä'", "'af'", "'ß'", "'ss'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET gbk",
        &["'啊'", "'文'", "'中'", "'a'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf16",
        &["'啊'", "'😀'", "'a'", "'A'"],
    ),
    (
        "CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        &["''", "'a'", "'a  '", "'B'"],
    ),
    // Alike for longer than a server looks at, when it sorts without being told to.
    (
        "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &[
            "CONCAT(REPEAT('x', 3000), 'c')",
            "CONCAT(REPEAT('x', 3000), 'a')",
            "CONCAT(REPEAT('x', 60000), 'd')",
            "CONCAT(REPEAT('x', 60000), 'e')",
            "CONCAT(REPEAT('x', 3000), 'd')",
            "CONCAT(REPEAT('x', 3000), 'b')",
        ],
    ),
    (
        "VARCHAR(4000) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        &[
            "CONCAT(REPEAT('x', 3999), 'c')",
            "CONCAT(REPEAT('x', 3999), 'a')",
            "CONCAT(REPEAT('x', 3999), 'd')",
            "CONCAT(REPEAT('x', 3999), 'B')",
        ],
    ),
    (
        "BLOB",
        &[
            "CONCAT(REPEAT('x', 3000), 'c')",
            "CONCAT(REPEAT('x', 3000), 'a')",
            "CONCAT(REPEAT('x', 3000), 'b')",
        ],
    ),
];

/// As many members as have an order: with more, servers compare their numbers as floats.
const WIDE_SET: &str = "SET('m0','m1','m2','m3','m4','m5','m6','m7','m8','m9','m10','m11','m12','m13',\
    'm14','m15','m16','m17','m18','m19','m20','m21','m22','m23','m24','m25','m26','m27',\
    'm28','m29','m30','m31','m32','m33','m34','m35','m36','m37','m38','m39','m40','m41',\
    'm42','m43','m44','m45','m46','m47','m48','m49','m50','m51','m52')";

pub const ON_MYSQL: &[Typed] = &[
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
        &[
            "''", "'a'", "'A'", "'a '", "'á'", "'ss'", "'ß'", "'b'", "'😀'",
        ],
    ),
    (
        "VARCHAR(20) COLLATE utf8mb4_0900_as_cs",
        &["'a'", "'A'", "'a '", "'á'"],
    ),
    (
        "CHAR(5) COLLATE utf8mb4_0900_ai_ci",
        &["''", "'a'", "'a '", "'B'"],
    ),
];

pub const ON_MARIADB: &[Typed] = &[
    (
        "UUID",
        &[
            "'00000000-0000-0000-0000-000000000001'",
            // Of version 1, which are ordered by their time: the last part of the text first.
            "'a0000000-0000-1000-8000-000000000001'",
            "'00000000-0000-1001-8000-000000000001'",
            "'00000000-0000-1001-8000-000000000002'",
            "'f47ac10b-58cc-4372-a567-0e02b2c3d479'",
            "'018f3c5e-0000-7000-8000-000000000000'",
            "'ffffffff-ffff-1fff-8fff-ffffffffffff'",
            "'ffffffff-ffff-4fff-8fff-ffffffffffff'",
        ],
    ),
    (
        "INET4",
        &["'0.0.0.0'", "'9.0.0.1'", "'10.0.0.1'", "'255.255.255.255'"],
    ),
    ("INET6", &["'::1'", "'::ffff:10.0.0.1'", "'2001:db8::1'"]),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        &["'a'", "'a '", "'A'"],
    ),
];
