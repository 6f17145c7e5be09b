"""A real OpenLDAP server for tests."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from twisted.trial.unittest import SkipTest

from tests.integration.organisation import (
    BASE_DN,
    PEOPLE_DN,
    SERVICE_DN,
    SERVICE_PASSWORD,
    Member,
    Organisation,
)
from tests.integration.server import free_port
from tests.tls import CertificateAuthority

__all__ = ["Member", "Organisation", "Slapd"]

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.54392.5.1.1 NAME 'mailPrimaryAddress'
  EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses'
  EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.54392.5.2.1 NAME 'mxisdTestPerson' AUXILIARY
  MAY ( mailPrimaryAddress $ proxyAddresses ) )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName'
  EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName'
  EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl'
  EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.54392.5.2.2 NAME 'mxisdTestAccount' AUXILIARY
  MAY ( sAMAccountName $ userPrincipalName $ userAccountControl ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient {verify_client}
database mdb
maxsize 1073741824
suffix "{base}"
rootdn "cn=admin,{base}"
directory {folder}/db
index objectClass,uid,mail,mailPrimaryAddress,telephoneNumber,employeeNumber eq
index mobile,homePhone eq
dbnosync
overlay memberof
limits dn.exact="{service}" size.soft={soft} size.hard={hard} \
size.pr={soft} size.prtotal={pages}
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
"""

_START_SECONDS = 60.0


class Slapd:
    """
    A slapd on free loopback ports, with an organisation in it.

    :ivar port: For ``ldap``.
    :ivar tls_port: For ``ldaps``.
    :ivar socket: For ``ldapi``.
    :ivar authority: Who signed its certificate, and is believed by it.
    :ivar ca_file: The authority's certificate.
    :ivar organisation: What the directory holds.

    Its folder goes with the object, at the latest when the tests end.
    """

    base_dn = BASE_DN
    people_dn = PEOPLE_DN
    bind_dn = SERVICE_DN
    password = SERVICE_PASSWORD
    host = "127.0.0.1"

    def __init__(
        self,
        organisation: Organisation,
        *,
        size_limit: int = 500,
        is_verbose: bool = False,
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        hard_limit: int | None = None,
        has_expired: bool = False,
        demands_certificate: bool = False,
        has_pages: bool = True,
        port: int | None = None,
    ) -> None:
        """
        Prepare a server in a folder of its own; nothing is started yet.

        :param size_limit: How many entries a search, or a page, answers at most, unless
            more are asked for.
        :param is_verbose: Whether :meth:`log` tells every operation.
        :param hosts: For whom its certificate is.
        :param hard_limit: How many entries it answers at most to who asks for more;
            ``size_limit`` if not given.
        :param has_expired: Whether its certificate has.
        :param demands_certificate: Whether clients need one of :attr:`authority`.
        :param has_pages: Whether lists can be read in pages.
        :param port: For ``ldap``, if it must be known before.
        :raise SkipTest: If slapd is not installed; a failure where ``CI`` is set.
        """
        program = _program()
        self.organisation = organisation
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-slapd-"))
        self._removal = weakref.finalize(self, shutil.rmtree, self.folder, True)
        self.port, self.tls_port = port or free_port(), free_port()
        self.socket = str(self.folder / "ldapi")
        self.ca_file = str(self.folder / "ca.pem")
        self._debug = "256" if is_verbose else "0"
        self._process: subprocess.Popen[bytes] | None = None
        # A copy: Ubuntu confines the installed program to the system's own folders.
        self._program = shutil.copy(program, self.folder / "slapd")
        self._configuration = self.folder / "slapd.conf"
        self.authority = CertificateAuthority(self.folder)
        issued = self.authority.issue(*hosts, is_expired=has_expired)
        issued.cert_file.rename(self.folder / "server.pem")
        issued.key_file.rename(self.folder / "server.key")
        self._configuration.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                base=BASE_DN,
                service=SERVICE_DN,
                soft=size_limit,
                hard=hard_limit or size_limit,
                pages="unlimited" if has_pages else "disabled",
                verify_client="demand" if demands_certificate else "never",
            )
        )
        self._fill(organisation)

    def start(self) -> None:
        """Start, and return when connections are accepted."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    *("-d", self._debug),
                    *("-f", str(self._configuration)),
                    *("-h", " ".join(self._urls())),
                ],
                stdout=log,
                stderr=log,
            )
        self._await_port()

    def stop(self) -> None:
        """End it, also when paused; its data and ports stay."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted, nothing is answered."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_stopped():
            assert time.monotonic() < deadline, "slapd does not stop"
            time.sleep(0.01)

    def _is_stopped(self) -> bool:
        # On a busy machine a signal takes its time to reach every thread.
        assert self._process is not None
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/stat")
        states = [stat.read_text().rpartition(")")[2].split()[0] for stat in threads]
        return all(state == "T" for state in states)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        self._removal()

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def url(self) -> str:
        """Where it speaks LDAP in the clear."""
        return f"ldap://127.0.0.1:{self.port}"

    def _urls(self) -> Sequence[str]:
        return (
            self.url,
            f"ldaps://127.0.0.1:{self.tls_port}",
            f"ldapi://{quote(self.socket, safe='')}",
        )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "slapd is not running"
        self._process.send_signal(number)

    def _fill(self, organisation: Organisation) -> None:
        (self.folder / "db").mkdir()
        data = self.folder / "data.ldif"
        data.write_text(organisation.ldif())
        filled = subprocess.run(
            [
                self._program,
                *("-T", "add", "-q"),
                *("-f", str(self._configuration)),
                *("-l", str(data)),
            ],
            capture_output=True,
            check=False,
        )
        assert filled.returncode == 0, filled.stderr.decode(errors="replace")

    def _await_port(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not (_accepts(self.port) and _accepts(self.tls_port)):
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"slapd did not start: {self.log()}")
            time.sleep(0.01)


def _program() -> str:
    found = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is not None:
        return found
    if os.environ.get("CI"):
        raise AssertionError("slapd is missing: apt-get install slapd")
    raise SkipTest("slapd IS MISSING: apt-get install slapd")


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
