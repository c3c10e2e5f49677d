"""One run into the tables: contents stored once, rows, files byte for byte."""
