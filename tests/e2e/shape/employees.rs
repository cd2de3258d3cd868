//! A database of the well-known employees data set's shape: its six tables, their keys and about as
//! many rows; what is in them is made here.

use anyhow::Result;

use crate::sql::Sql;

/// How many employees there are at full scale, and about 3,900,000 rows in all tables.
pub const FULL: u64 = 300_024;

/// A table: its name, its key, and its other columns.
pub struct Table {
    pub name: &'static str,
    pub key: &'static [&'static str],
    pub others: &'static [&'static str],
}

pub const TABLES: [Table; 6] = [
    Table {
        name: "departments",
        key: &["dept_no"],
        others: &["dept_name"],
    },
    Table {
        name: "employees",
        key: &["emp_no"],
        others: &[
            "birth_date",
            "first_name",
            "last_name",
            "gender",
            "hire_date",
        ],
    },
    Table {
        name: "dept_manager",
        key: &["emp_no", "dept_no"],
        others: &["from_date", "to_date"],
    },
    Table {
        name: "dept_emp",
        key: &["emp_no", "dept_no"],
        others: &["from_date", "to_date"],
    },
    Table {
        name: "titles",
        key: &["emp_no", "title", "from_date"],
        others: &["to_date"],
    },
    Table {
        name: "salaries",
        key: &["emp_no", "from_date"],
        others: &["salary", "to_date"],
    },
];

/// Makes the tables in MySQL and fills them, the same for the same number of employees.
pub async fn make(mysql: &mut Sql, employees: u64) -> Result<()> {
    mysql.run(DESIGN).await?;
    mysql
        .run(&format!(
            "SET cte_max_recursion_depth = {employees}; CREATE TABLE numbers (n INT PRIMARY KEY); \
             INSERT INTO numbers WITH RECURSIVE it (n) AS \
             (SELECT 0 UNION ALL SELECT n + 1 FROM it WHERE n + 1 < {employees}) SELECT n FROM it"
        ))
        .await?;
    for fill in FILL {
        mysql.run(fill).await?;
    }
    mysql.run("DROP TABLE numbers").await
}

const DESIGN: &str = "
CREATE TABLE departments (dept_no CHAR(4) NOT NULL PRIMARY KEY, dept_name VARCHAR(40) NOT NULL, UNIQUE KEY dept_name (dept_name));
CREATE TABLE employees (emp_no INT NOT NULL PRIMARY KEY, birth_date DATE NOT NULL, first_name VARCHAR(14) NOT NULL,
    last_name VARCHAR(16) NOT NULL, gender ENUM('M', 'F') NOT NULL, hire_date DATE NOT NULL);
CREATE TABLE dept_manager (emp_no INT NOT NULL, dept_no CHAR(4) NOT NULL, from_date DATE NOT NULL, to_date DATE NOT NULL,
    PRIMARY KEY (emp_no, dept_no), KEY dept_no (dept_no));
CREATE TABLE dept_emp (emp_no INT NOT NULL, dept_no CHAR(4) NOT NULL, from_date DATE NOT NULL, to_date DATE NOT NULL,
    PRIMARY KEY (emp_no, dept_no), KEY dept_no (dept_no));
CREATE TABLE titles (emp_no INT NOT NULL, title VARCHAR(50) NOT NULL, from_date DATE NOT NULL, to_date DATE,
    PRIMARY KEY (emp_no, title, from_date));
CREATE TABLE salaries (emp_no INT NOT NULL, salary INT NOT NULL, from_date DATE NOT NULL, to_date DATE NOT NULL,
    PRIMARY KEY (emp_no, from_date));
";

/// Each employee has 1 to 18 salaries, 1 or 2 titles, and 1 or 2 departments.
const FILL: [&str; 6] = [
    "INSERT INTO departments SELECT CONCAT('d', LPAD(n + 1, 3, '0')), \
     ELT(n + 1, 'Accounts', 'Advice', 'Building', 'Care', 'Freight', 'Law', 'Research', 'Sales', 'Zoll & Küche') \
     FROM numbers WHERE n < 9",
    "INSERT INTO employees SELECT 10001 + n, '1952-02-01' + INTERVAL (n * 7919) % 4748 DAY, \
     ELT(1 + n % 7, 'Ada', 'Bo', 'Çelik', 'Dörte', 'Eun-ji', 'Fábio', '小明'), \
     CONCAT(ELT(1 + (n DIV 7) % 5, 'O''Neil', 'Weiß', 'Ng', 'de la Cruz', 'Ivanov'), ' ', n % 9973), \
     IF(n % 5 < 3, 'M', 'F'), '1985-01-01' + INTERVAL (n * 104729) % 5500 DAY FROM numbers",
    "INSERT INTO dept_manager SELECT 10001 + n, CONCAT('d', LPAD(1 + n % 9, 3, '0')), \
     '1985-01-01' + INTERVAL n * 90 DAY, IF(n < 15, '1985-01-01' + INTERVAL n * 90 + 2000 DAY, '9999-01-01') \
     FROM numbers WHERE n < 24",
    "INSERT INTO dept_emp SELECT 10001 + n, CONCAT('d', LPAD(1 + (n + k * 4) % 9, 3, '0')), \
     '1985-01-01' + INTERVAL n % 5500 + k * 700 DAY, IF(k = 0, '9999-01-01', '1999-12-31') \
     FROM numbers JOIN (SELECT 0 AS k UNION ALL SELECT 1) AS ks ON k < 1 + (n % 19 < 2)",
    "INSERT INTO titles SELECT 10001 + n, ELT(1 + (n + k) % 7, 'Assistant', 'Clerk', 'Driver', 'Engineer', \
     'Lead engineer', 'Manager', 'Staff'), '1985-01-01' + INTERVAL n % 5500 + k * 1500 DAY, \
     IF(n % 3 = 0, NULL, '9999-01-01') \
     FROM numbers JOIN (SELECT 0 AS k UNION ALL SELECT 1) AS ks ON k < 1 + (n % 21 < 10)",
    "INSERT INTO salaries WITH RECURSIVE ks (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM ks WHERE k < 17) \
     SELECT 10001 + n, 38000 + (n * 31 + k * 1973) % 120000, '1985-01-01' + INTERVAL n % 3000 + k * 365 DAY, \
     '1985-01-01' + INTERVAL n % 3000 + (k + 1) * 365 DAY FROM numbers JOIN ks ON k < 1 + (n * 7919) % 18",
];
