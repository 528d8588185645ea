"""Taste: what people like, told from what they do, and what that recommends."""
