DELETE FROM highwater_progress; DELETE FROM info;
