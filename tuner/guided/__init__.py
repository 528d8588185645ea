"""Colour guided by an encoder, by words, by taste, or by pairs of pictures: a table in three dimensions for each."""
