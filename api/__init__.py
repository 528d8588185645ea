"""The ways in: HTTP, command line, web page. Imports everything below; nothing imports it."""
