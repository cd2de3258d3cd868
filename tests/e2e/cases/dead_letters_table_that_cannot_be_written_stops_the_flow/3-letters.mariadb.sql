DROP USER IF EXISTS highwater_letters;
CREATE USER highwater_letters IDENTIFIED BY 'hunter2secret';
GRANT SELECT ON `${CASE_DATABASE}`.* TO highwater_letters;
