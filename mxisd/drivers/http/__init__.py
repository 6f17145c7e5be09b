"""HTTP to other servers: two clients, both bounded in time and size."""

from mxisd.drivers.http.clients import (
    HttpClient,
    HttpClients,
    HttpReply,
    http_clients,
)
from mxisd.drivers.http.connections import Route
from mxisd.drivers.http.failures import (
    HttpFailed,
    NotConnected,
    NotTried,
    TlsFailed,
)

__all__ = [
    "HttpClient",
    "HttpClients",
    "HttpFailed",
    "HttpReply",
    "NotConnected",
    "NotTried",
    "Route",
    "TlsFailed",
    "http_clients",
]
