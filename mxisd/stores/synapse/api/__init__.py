"""The store that asks Synapse's Admin API."""
