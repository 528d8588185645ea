"""What the collection is: pictures in, vectors and catalogue out. Imports nothing of the other packages."""

__version__ = "0.1.0"
