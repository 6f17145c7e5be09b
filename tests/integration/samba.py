"""
A real Active Directory for tests: a domain controller of Samba, its LDAP server only.

Its ports cannot be chosen, so that each domain has a loopback address of its own. The
domain is made once per run, and copied.
"""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import weakref
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from random import randrange
from typing import NoReturn

from twisted.trial.unittest import SkipTest

from tests.integration.accounts import (
    BASE_DN,
    PEOPLE_DN,
    REALM,
    SERVICE,
    Account,
    Group,
)
from tests.integration.organisation import SERVICE_PASSWORD, entry_ldif
from tests.integration.server import wait_until
from tests.tls import CertificateAuthority

NETBIOS_NAME = "CORP"

_ADMINISTRATOR = f"Administrator@{REALM}"
_ADMINISTRATOR_PASSWORD = "Passw0rd of the administrator"
_PORTS = (389, 636, 3268, 3269)
_PYTHON = "/usr/bin/python3"  # Samba's modules are in the system's Python only.
_TEMPLATES = Path("/usr/share/samba/setup/provision.ldif")
_PATIENCE = 300.0
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0

_CONFIGURATION = """\
[global]
netbios name = DC1
workgroup = {netbios}
realm = {realm}
server role = active directory domain controller
server services = ldap
interfaces = {host}/8
bind interfaces only = yes
ldap server require strong auth = {strong}
tls certfile = {folder}/server.pem
tls keyfile = {folder}/server.key
tls cafile = {folder}/ca.pem
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}/lock
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
logging = file
log file = {folder}/log.samba
log level = 1
ldb:nosync = true
"""

# samba-tool would also set the owners of shared files, which takes root and a file
# system with ACLs; there are no shared files here.
_PROVISION = f"""\
import logging, sys
from samba.auth import system_session
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.param import LoadParm
from samba.provision import provision

folder = sys.argv[1]
configuration = folder + "/smb.conf"
parameters = LoadParm()
parameters.load(configuration)
provision(
    logging.getLogger(),
    system_session(),
    lp=parameters,
    smbconf=configuration,
    targetdir=folder,
    realm={REALM.upper()!r},
    domain={NETBIOS_NAME!r},
    hostname="dc1",
    hostip="127.0.0.1",
    serverrole="active directory domain controller",
    dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
    dns_backend="NONE",
    adminpass={_ADMINISTRATOR_PASSWORD!r},
    skip_sysvolacl=True,
)
"""

# Any password will do; wrong ones lock nobody out unless a test changes this.
_POLICY = f"""\
dn: {BASE_DN}
changetype: modify
replace: pwdProperties
pwdProperties: 0
-
replace: minPwdLength
minPwdLength: 0
-
"""


class SambaDomain:
    """
    A domain controller on a loopback address of its own.

    :ivar host: The address.
    :ivar ca_file: The authority that signed its certificate.

    It ends with the object, at the latest when the tests do.
    """

    base_dn = BASE_DN
    people_dn = PEOPLE_DN
    realm = REALM
    netbios_name = NETBIOS_NAME
    bind_dn = SERVICE.dn
    bind_principal = f"{SERVICE.name}@{REALM}"
    bind_account = f"{NETBIOS_NAME}\\{SERVICE.name}"
    password = SERVICE_PASSWORD
    port, tls_port, catalog_port, catalog_tls_port = _PORTS

    def __init__(self, *entries: Account | Group, needs_tls: bool = False) -> None:
        """
        Prepare a domain; nothing is started yet.

        :param entries: What is in it from the first start, besides the service account.
        :param needs_tls: Whether passwords in the clear are refused, as Samba and
            Windows do unless they are told otherwise.
        :raise SkipTest: If Samba is not installed, or an ordinary user may not open
            its ports; a failure where ``CI`` is set.
        """
        _demand_programs()
        self.host = _free_address()
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-samba-"))
        self._cleanup = ExitStack()
        self._cleanup.callback(shutil.rmtree, self.folder, True)
        weakref.finalize(self, self._cleanup.close)
        self._process: subprocess.Popen[bytes] | None = None
        self._first = entries
        self._is_filled = False
        self._write_certificates()
        _configure(self.folder, self.host, needs_tls)
        shutil.copytree(_template() / "private", self.folder / "private")

    @property
    def ca_file(self) -> str:
        """The authority that signed its certificate."""
        return str(self.folder / "ca.pem")

    def start(self) -> None:
        """Start, and return when questions are answered."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    _program("samba"),
                    *("--interactive", "--debug-stdout", "--model=single"),
                    f"--configfile={self.folder}/smb.conf",
                ],
                # It ends when its input does, thus with us, whatever happens to us.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self._cleanup.callback(_end, self._process)
        wait_until(self._is_up, "Samba answers", _START_SECONDS)
        if not self._is_filled:
            self._fill()
            self._is_filled = True

    def stop(self) -> None:
        """End it; its data and its address stay."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop and delete everything."""
        self._process = None
        self._cleanup.close()

    def add(self, *entries: Account | Group) -> None:
        """Add to a running domain; a group after its members."""
        self.change("\n".join(entry.ldif() for entry in entries))

    def change(self, ldif: str) -> None:
        """
        Apply LDIF as the administrator of a running domain.

        :param ldif: Entries to add, or changes with ``changetype``.
        """
        done = subprocess.run(
            [
                *(_program("ldapmodify"), "-a", "-x"),
                *("-H", f"ldaps://{self.host}"),
                *("-D", _ADMINISTRATOR, "-w", _ADMINISTRATOR_PASSWORD),
            ],
            input=ldif.encode(),
            env={**os.environ, "LDAPTLS_CACERT": self.ca_file},
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def _fill(self) -> None:
        self.change(_POLICY)
        people = entry_ldif(PEOPLE_DN, {"objectClass": ["organizationalUnit"]})
        self.change(people)
        self.add(SERVICE, *self._first)

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"Samba ended: {self.log()}")
        return all(_accepts(self.host, port) for port in _PORTS)

    def _write_certificates(self) -> None:
        issued = CertificateAuthority(self.folder).issue(self.host, f"dc1.{REALM}")
        issued.cert_file.rename(self.folder / "server.pem")
        key = issued.key_file.rename(self.folder / "server.key")
        key.chmod(0o600)  # Samba refuses a key that others may read.


@cache
def _template() -> Path:
    """Make the domain that all others are copies of."""
    folder = Path(tempfile.mkdtemp(prefix="mxisd-samba-template-"))
    atexit.register(shutil.rmtree, folder, True)
    _configure(folder, "127.0.0.1", needs_tls=False)
    done = subprocess.run(
        [_PYTHON, "-I", "-c", _PROVISION, str(folder)],
        capture_output=True,
        check=False,
        timeout=_PATIENCE,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return folder


def _configure(folder: Path, host: str, needs_tls: bool) -> None:
    (folder / "smb.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            host=host,
            strong="yes" if needs_tls else "no",
            realm=REALM.upper(),
            netbios=NETBIOS_NAME,
        )
    )


def _demand_programs() -> None:
    found = [shutil.which(name, path=_path()) for name in ("samba", "ldapmodify")]
    if None in found or not _TEMPLATES.exists():
        packages = "samba-ad-dc samba-ad-provision ldap-utils"
        _give_up(f"SAMBA IS MISSING: apt-get install {packages}")


def _free_address() -> str:
    for _ in range(20):
        host = f"127.{randrange(64, 255)}.{randrange(256)}.{randrange(1, 255)}"
        try:
            for port in _PORTS:
                with socket.socket() as probe:
                    probe.bind((host, port))
        except PermissionError:
            _give_up(
                "SAMBA'S PORTS ARE CLOSED TO ORDINARY USERS: "
                "sysctl net.ipv4.ip_unprivileged_port_start=389"
            )
        except OSError:
            continue
        return host
    raise AssertionError("somebody listens on Samba's ports on every address")


def _give_up(why: str) -> NoReturn:
    if os.environ.get("CI"):
        raise AssertionError(why)
    raise SkipTest(why)


def _program(name: str) -> str:
    found = shutil.which(name, path=_path())
    assert found is not None
    return found


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin"


def _accepts(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdin is not None
    process.stdin.close()
