"""MariaDB, as the system has it, and MySQL, as scripts/servers.sh unpacks it; both speak one protocol."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from servers.process import Unavailable
from servers.recipe import Recipe
from servers.server import PASSWORD, USER, Server, database_of, new_name, parts

QUICK = {"innodb_flush_log_at_trx_commit": "0", "innodb_flush_method": "nosync", "innodb_doublewrite": "0"}
"""Nothing survives a crash of the machine; nothing is to."""

OUR_USER = f"""\
CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;
"""


class MySQLServer(Server):
    """MySQL or MariaDB."""

    scheme = "mysql"
    home = "mysql"
    query = "?charset=utf8mb4"

    def bare(self, dsn: str, **options: Any) -> Any:
        import pymysql

        asked = dict(parse_qsl(urlsplit(dsn).query))
        return pymysql.connect(**{**parts(dsn), "database": database_of(dsn), **asked, **options})

    def create_database(self) -> str:
        dsn = self.dsn(new_name())
        self.run(f"CREATE DATABASE `{database_of(dsn)}` CHARACTER SET utf8mb4")
        return dsn

    def drop_database(self, dsn: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS `{database_of(dsn)}`")

    def dump(self, dsn: str) -> bytes:
        where = ["--no-defaults", "--protocol=tcp", f"--host={self.host}", f"--port={self.port}", f"--user={self.user}"]
        how = ["--single-transaction", "--default-character-set=utf8mb4", database_of(dsn)]
        return self.output("mysqldump", [*where, *how], MYSQL_PWD=self.password)

    def data_folder(self) -> Path:
        connection = self.bare(self.dsn(self.home))
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT @@datadir")
            return Path(cursor.fetchone()[0])
        finally:
            connection.close()


class _Recipe(Recipe):
    """What both have in common."""

    orderly = signal.SIGTERM
    at_once = signal.SIGKILL
    program: tuple[str, ...]
    tools: dict[str, list[str]]
    shared: ClassVar[Mapping[str, str]] = {}
    """Settings of every server of this kind, from the making of its data on."""

    def server(self, port: int, **known: Any) -> Server:
        return MySQLServer(self.name, port, tools=self.tools, **known)

    def command(self, data: Path, port: int, durable: bool, settings: Mapping[str, str]) -> tuple[str, ...]:
        chosen = {
            "port": str(port),
            "bind_address": "127.0.0.1",
            # In the data folder: an absolute path may be too long for a socket.
            "socket": "socket",
            "pid_file": "pid",
            "tmpdir": str(temporary(data)),
            "skip_name_resolve": "1",
            "max_connections": "300",
            "innodb_buffer_pool_size": "64M",
            "character_set_server": "utf8mb4",
            **self.shared,
            **({} if durable else QUICK),
            **settings,
        }
        return (*self.program, *self.options({"datadir": str(data)}), *self.options(chosen))

    def discard(self, data: Path) -> None:
        pass  # all is in the data folder

    def options(self, settings: Mapping[str, str]) -> list[str]:
        """Settings on the command line."""
        return [f"--{key}={value}" for key, value in settings.items()]


class MariaDBRecipe(_Recipe):
    """MariaDB's packages of the system."""

    name = "mariadb"
    shared: ClassVar = {"innodb_log_file_size": "8M"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = (installed("mariadbd"), "--no-defaults", f"--user={account()}")
        self.tools = {"mysql": [installed("mariadb")], "mysqldump": [installed("mariadb-dump")]}

    def initialise(self, data: Path) -> None:
        extra = self.folder / "user.sql"
        extra.write_text(f"FLUSH PRIVILEGES;\n{OUR_USER}", encoding="ascii")
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--extra-file={extra}"]
        options += [f"--datadir={data}", f"--user={account()}", f"--tmpdir={temporary(data)}"]
        options += self.options({**self.shared, **QUICK})
        self.execute(installed("mariadb-install-db"), "--no-defaults", *options)


class MySQLRecipe(_Recipe):
    """MySQL from a newer Debian, which needs the libraries that came along."""

    name = "mysql"
    shared: ClassVar = {
        "innodb_redo_log_capacity": "8M",
        "performance_schema": "0",
        "mysqlx": "0",
        "skip_log_bin": "1",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        root = Path(sys.prefix, "mysql")
        loaders = sorted(root.glob("usr/lib/*/ld-linux*"))
        if not loaders:
            reason = Path(sys.prefix, "mysql.failed")
            told = reason.read_text(encoding="utf-8").strip() if reason.exists() else "run scripts/servers.sh"
            raise Unavailable(f"MySQL is not in {root}: {told}")
        self.loader = [str(loaders[0]), "--library-path", str(loaders[0].parent)]
        usr = root / "usr"
        self.program = (
            *self.loader,
            str(usr / "sbin" / "mysqld"),
            "--no-defaults",
            f"--user={account()}",
            f"--basedir={usr}",
            f"--lc-messages-dir={usr / 'share' / 'mysql'}",
            f"--plugin-dir={usr / 'lib' / 'mysql' / 'plugin'}",
            "--secure-file-priv=NULL",
        )
        self.tools = {name: [*self.loader, str(usr / "bin" / name)] for name in ("mysql", "mysqldump")}

    def initialise(self, data: Path) -> None:
        extra = self.folder / "user.sql"
        extra.write_text(OUR_USER, encoding="ascii")
        options = self.options({**self.shared, **QUICK, "datadir": str(data), "init_file": str(extra)})
        options += [f"--tmpdir={temporary(data)}"]
        self.execute(*self.program, "--initialize-insecure", *options)


def installed(program: str) -> str:
    """The path of a program of the system."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if path is None:
        raise Unavailable(f"{program} is not installed: run scripts/servers.sh as root")
    return path


def temporary(data: Path) -> Path:
    """A server's folder for temporary files: at its start it removes what other servers have in a common one."""
    folder = data.with_name("temporary")
    folder.mkdir(exist_ok=True)
    return folder


def account() -> str:
    """Who runs the server: us."""
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
