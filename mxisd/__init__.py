"""mxisd: a federated Matrix identity server on Twisted."""

__version__ = "0.1.0"
