"""What can be asked of the collection: a query in, ranked pictures out. Imports indexer only."""
