"""
A real WordPress for tests: Debian's packages, PHP's own server, a real MariaDB.

The plugin "JWT Authentication for WP REST API" is in no package registry. In its place
a must-use plugin of a few lines answers the same path in the same words, and lets
WordPress itself judge the password by ``wp_authenticate()``.
"""

import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from attrs import define
from twisted.trial.unittest import SkipTest

from mxisd.model.threepids import EMAIL
from mxisd.testing.stores import Person
from tests.integration.database_servers import program
from tests.integration.mariadb import MariaDb
from tests.integration.server import PATIENCE, free_port, wait_until

SOURCES = Path("/usr/share/wordpress")
PREFIX = "blog_"
"""The tables' prefix: not WordPress's default, so that a forgotten one is seen."""

_CONFIG = """\
<?php
define('DB_NAME', '{database}');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', '{host}:{port}');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', '{base}');
define('WP_SITEURL', '{base}');
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
foreach (array('AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY',
    'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT') as $name) {{
    define($name, 'only for tests ' . $name);
}}
$table_prefix = '{prefix}';
if (!defined('ABSPATH')) {{ define('ABSPATH', __DIR__ . '/'); }}
require_once ABSPATH . 'wp-settings.php';
"""

_INSTALL = """\
<?php
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = '127.0.0.1';
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Tests', 'admin', 'admin@localhost.invalid', false, '', 'admin-password');
update_option('permalink_structure', '/%postname%/');
"""

_PEOPLE = """\
<?php
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/user.php';
foreach (get_users(array('fields' => 'ID')) as $id) { wp_delete_user($id); }
foreach (json_decode(file_get_contents('php://stdin'), true) as $person) {
    $id = wp_insert_user(wp_slash(array(
        'user_login' => $person['login'],
        'user_pass' => $person['password'],
        'user_email' => $person['email'],
        'display_name' => $person['name'],
        'role' => '')));
    if (is_wp_error($id)) { fwrite(STDERR, $id->get_error_message()); exit(1); }
    $user = new WP_User($id);
    foreach ($person['roles'] as $role) { $user->add_role($role); }
    foreach ($person['meta'] as $pair) {
        add_user_meta($id, $pair[0], wp_slash($pair[1]));
    }
}
"""

_PLUGIN = """\
<?php
add_filter('jwt_auth_mood', function ($mood) {
    return trim(@file_get_contents(__DIR__ . '/mood') ?: '');
});
add_action('rest_api_init', function () {
    if (apply_filters('jwt_auth_mood', '') === 'absent') { return; }
    register_rest_route('jwt-auth/v1', '/token', array(
        'methods' => 'POST',
        'permission_callback' => '__return_true',
        'callback' => function ($request) {
            $mood = apply_filters('jwt_auth_mood', '');
            if ($mood) { return new WP_Error($mood, 'So', array('status' => 403)); }
            $user = wp_authenticate(
                $request->get_param('username'), $request->get_param('password'));
            if (is_wp_error($user)) {
                return new WP_Error('[jwt_auth] ' . $user->get_error_code(),
                    $user->get_error_message(), array('status' => 403));
            }
            return array(
                'token' => base64_encode(random_bytes(30)),
                'user_email' => $user->data->user_email,
                'user_nicename' => $user->data->user_nicename,
                'user_display_name' => $user->data->display_name);
        }));
});
"""

_ROUTER = """\
<?php
$file = __DIR__ . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (is_file($file)) { return false; }
require __DIR__ . '/index.php';
"""


@define
class Account:
    """
    A user of the site.

    :ivar meta: Rows of ``usermeta``.
    """

    login: str
    email: str = ""
    name: str = ""
    password: str = "unguessable-Wt7"
    roles: Sequence[str] = ()
    meta: Sequence[tuple[str, str]] = ()


def account(person: Person) -> Account:
    """
    A contract's person as a user.

    WordPress knows one e-mail address; other addresses are in ``usermeta``, where
    plugins put them.
    """
    mails = [address for medium, address in person.threepids if medium == EMAIL]
    others = [(m, a) for m, a in person.threepids if a not in mails[:1]]
    return Account(
        login=person.username,
        email=mails[0] if mails else "",
        name=person.display_name or person.username,
        password=person.password or "unguessable-Wt7",
        roles=person.roles,
        meta=[(f"extra_{medium}", address) for medium, address in others],
    )


class WordPress:
    """
    A site of its own on a free loopback port.

    :ivar base: Its URL.
    :ivar mariadb: The server with its database.
    :ivar connection: Its database, as the store's key has it.
    """

    def __init__(self) -> None:
        """
        Install it; nothing is served yet.

        :raise SkipTest: If a package is not installed; a failure where ``CI`` is set.
        """
        self._php = program("php", "php-cli php-mysql php-xml php-gd")
        if not SOURCES.exists():
            _missing("wordpress")
        self.mariadb = MariaDb()
        self.mariadb.start()
        database = self.mariadb.new_database()
        server = f"{self.mariadb.host}:{self.mariadb.port}"
        self.connection = f"//{server}/{database}?user=reader&password=secret"
        self.database = database
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-wordpress-"))
        self._removal = weakref.finalize(self, shutil.rmtree, self.folder, True)
        self._process: subprocess.Popen[bytes] | None = None
        self._site = self.folder / "site"
        shutil.copytree(SOURCES, self._site, ignore=shutil.ignore_patterns("languages"))
        self._write()
        self._run("install.php")

    def start(self) -> None:
        """Serve."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._php, "-S", f"127.0.0.1:{self.port}"),
                    *("-t", str(self._site), str(self._site / "router.php")),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "PHP_CLI_SERVER_WORKERS": "1"},
            )
        wait_until(self._is_up, "WordPress answers")

    def stop(self) -> None:
        """Serve no longer; the database goes on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def pause(self) -> None:
        """Let the site hang."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        self.mariadb.remove()
        self._removal()

    def fill(self, accounts: Sequence[Account]) -> None:
        """Make these users, by WordPress itself, and remove all others."""
        people: list[dict[str, Any]] = [
            {
                "login": each.login,
                "email": each.email,
                "name": each.name,
                "password": each.password,
                "roles": list(each.roles),
                "meta": [list(pair) for pair in each.meta],
            }
            for each in accounts
        ]
        self._run("people.php", json.dumps(people))

    def fill_quickly(self, accounts: Sequence[Account]) -> None:
        """Write these users into the tables, without passwords and roles."""
        self.fill([])
        users = [(i, a.login, a.email, a.name) for i, a in enumerate(accounts, 1000)]
        meta = [(i, *p) for i, a in enumerate(accounts, 1000) for p in a.meta]
        self.mariadb.fill(
            f"INSERT INTO {PREFIX}users (ID, user_login, user_email, display_name) "
            "VALUES (%s, %s, %s, %s)",
            users,
            self.database,
        )
        self.mariadb.fill(
            f"INSERT INTO {PREFIX}usermeta (user_id, meta_key, meta_value) "
            "VALUES (%s, %s, %s)",
            meta,
            self.database,
        )

    def mood(self, word: str) -> None:
        """Let the plugin refuse with a word, be ``absent``, or (empty) be well."""
        (self._site / "wp-content" / "mu-plugins" / "mood").write_text(word)

    def execute(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Run a statement in its database as administrator."""
        return self.mariadb.execute(sql, database=self.database)

    def _write(self) -> None:
        plugins = self._site / "wp-content" / "mu-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        config = _CONFIG.format(
            database=self.database,
            host=self.mariadb.host,
            port=self.mariadb.port,
            base=self.base,
            prefix=PREFIX,
        )
        files = {
            self._site / "wp-config.php": config,
            self._site / "install.php": _INSTALL,
            self._site / "people.php": _PEOPLE,
            self._site / "router.php": _ROUTER,
            plugins / "jwt.php": _PLUGIN,
        }
        for path, text in files.items():
            # Debian's own file is a link into /etc.
            path.unlink(missing_ok=True)
            path.write_text(text)

    def _run(self, script: str, given: str = "") -> None:
        done = subprocess.run(
            [
                *(self._php, "-d", "sendmail_path=/bin/true"),
                *("-d", "memory_limit=512M", str(self._site / script)),
            ],
            input=given.encode(),
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()[-2000:]

    def _is_up(self) -> bool:
        assert self._process is not None
        log = (self.folder / "log").read_text(errors="replace")
        assert self._process.poll() is None, log
        try:
            url = f"{self.base}/wp-json/jwt-auth/v1"
            urllib.request.urlopen(url, timeout=PATIENCE).close()
        except OSError:
            return False
        return True


def _missing(package: str) -> None:
    if os.environ.get("CI"):
        raise AssertionError(f"{package} is missing: apt-get install {package}")
    raise SkipTest(f"{package} IS MISSING: apt-get install {package}")


@cache
def shared_wordpress() -> WordPress:
    """The site of this test run; it is made when it is first wanted."""
    site = WordPress()
    atexit.register(site.remove)
    site.start()
    return site
