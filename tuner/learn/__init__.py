"""Tunes models to the user's own pictures: heads and adapters over towers that stay locked."""
