"""What can be made from the collection: pictures enhanced or generated, models tuned. Imports search and indexer."""
