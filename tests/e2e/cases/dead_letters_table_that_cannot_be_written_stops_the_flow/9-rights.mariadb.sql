GRANT INSERT ON `${CASE_DATABASE}`.dead_letters TO highwater_letters;
