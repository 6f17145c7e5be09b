"""People in the tables of a database."""
