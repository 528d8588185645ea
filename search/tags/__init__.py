"""Tags: what pictures show, in words that can be counted, filtered by and taught."""
