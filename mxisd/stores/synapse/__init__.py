"""Stores that read a Synapse homeserver: its database, or its Admin API."""
