"""Pictures of pages: decode, repair, judge, read. Heavy libraries are imported here: only child processes load this."""
