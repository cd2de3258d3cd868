UPDATE highwater_progress SET next_offset = 0;
