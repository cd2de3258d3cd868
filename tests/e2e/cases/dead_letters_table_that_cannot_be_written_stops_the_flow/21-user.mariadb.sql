DROP USER highwater_letters;
