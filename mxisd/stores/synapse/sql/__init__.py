"""The store that reads Synapse's database."""
