"""TLS towards a directory."""

from mxisd.drivers.ldap.server import Access
from mxisd.drivers.tls import ClientTls
from mxisd.drivers.tls_files import TlsFiles, UnusableFile
from mxisd.errors import StoreUnavailable


def tls_files(access: Access) -> TlsFiles:
    """The files that connections read."""
    return TlsFiles(
        ca_file=access.ca_file,
        certificate_file=access.certificate_file,
        key_file=access.key_file,
    )


def client_tls(host: str, access: Access) -> ClientTls:
    """
    Prepare one connection.

    All files are read here, for every connection, so that renewed ones are noticed.

    :param host: The name to expect, unless ``access`` has another one.
    :raise StoreUnavailable: If a file cannot be used; names the key.
    """
    try:
        return ClientTls(access.tls_name or host, tls_files(access).context())
    except UnusableFile as error:
        raise StoreUnavailable(f"connection.{error}") from error
