"""The cluster's own daemons: their packages and files, the order they come up in, questions."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import config
import nodes
import processes
import slots
from config import ClusterError, Settings

READY_DEADLINE_S = 30.0
CORE = {  # program -> Debian and Ubuntu package
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "unshare": "util-linux",
    "ip": "iproute2",
}
ACCOUNTING = {"slurmdbd": "slurmdbd", "mariadbd": "mariadb-server-core"}
PLUGIN = "slurm-wlm-mysql-plugin"  # a library: what slurmdbd writes to MariaDB with
UP_STATES = {"idle", "mixed", "allocated", "completing"}


def missing(programs: dict[str, str]) -> list[str]:
    """The packages of those programs that are not installed."""
    path = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    return [
        package for program, package in programs.items() if not shutil.which(program, path=path)
    ]


def check_installed(programs: dict[str, str]) -> None:
    """ClusterError with the apt line where a package is missing."""
    packages = missing(programs)
    if packages and programs is ACCOUNTING:
        packages.append(PLUGIN)
    if packages:
        raise ClusterError(
            "packages are missing; slurm/dev/install.sh installs them all, or\n"
            f"  RUNLEVEL=1 apt-get install --no-install-recommends {' '.join(packages)}"
        )


def write_files(settings: Settings) -> None:
    """The private folder with all configuration."""
    folder = settings.folder
    for part in ("run", "log", "state", "db/mysql"):
        (folder / part).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "db").chmod(0o700)  # its socket asks for no password
    (folder / "cluster.json").write_text(config.to_json(settings), encoding="utf-8")
    for node in settings.nodes:
        (folder / "spool" / node.name).mkdir(parents=True)
    devices = {node.name: nodes.devices(settings, node) for node in settings.nodes if node.gpus}
    (folder / "slurm.conf").write_text(config.slurm_conf(settings), encoding="utf-8")
    (folder / "gres.conf").write_text(config.gres_conf(settings, devices), encoding="utf-8")
    (folder / "hosts").write_text(config.hosts(settings), encoding="utf-8")
    for name, content in (
        ("munge.key", secrets.token_bytes(128)),
        ("slurmdbd.conf", config.slurmdbd_conf(settings).encode()),
    ):
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)


def bring_up(settings: Settings) -> None:
    """Start everything in the order of who asks whom, each as soon as what it needs answers."""
    if settings.accounting:
        _launch_database(settings)
    _launch_munge(settings)
    if settings.accounting:
        _await(settings, "mariadbd", lambda: slots.listens(str(settings.database_socket)))
        environment = ["env", f"MYSQL_UNIX_PORT={settings.database_socket}"]
        processes.launch(settings.folder, "slurmdbd", [*environment, "slurmdbd", "-D"])
        address = (settings.controller_address, settings.accounting_port)
        _await(settings, "slurmdbd", lambda: slots.listens(address))
        _add_account(settings)
    _launch_controller(settings)
    names = [node.name for node in settings.nodes]
    nodes.start(settings, names)
    wait_for_nodes(settings, names)


def _add_account(settings: Settings) -> None:
    """The cluster, and one account that its user charges by default, in one conversation."""
    lines = [
        "add cluster dev",
        f"add account {config.ACCOUNT}",
        f"add user {settings.user} account={config.ACCOUNT} defaultaccount={config.ACCOUNT}",
    ]
    client(settings, "sacctmgr", "-i", lines="".join(f"{line}\n" for line in lines))


def _launch_database(settings: Settings) -> None:
    """MariaDB on an empty folder: without grant tables there is nothing to install first."""
    folder, share = settings.folder, _mariadb_share()
    tables = (share / "mysql_system_tables.sql").read_text(encoding="utf-8")
    # slurmdbd finds a user's accounts by stored procedures, which live in this one system table.
    procedures = next(line for line in tables.splitlines() if " TABLE IF NOT EXISTS proc " in line)
    (folder / "db.sql").write_text(f"USE mysql;\n{procedures}\n", encoding="utf-8")
    command = [
        *("mariadbd", "--no-defaults", f"--user={settings.user}", f"--datadir={folder}/db"),
        *(f"--tmpdir={folder}/db", f"--socket={settings.database_socket}", "--skip-networking"),
        *(f"--pid-file={folder}/run/.mariadbd", f"--lc-messages-dir={share}"),
        *("--skip-grant-tables", f"--init-file={folder}/db.sql", "--skip-log-bin"),
        *("--key-buffer-size=1M", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M"),
        *("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0"),
        "--innodb-lock-wait-timeout=900",  # slurmdbd complains about less
    ]
    processes.launch(folder, "mariadbd", command)


def _mariadb_share() -> Path:
    """Where the package keeps its messages and system tables; the name depends on its age."""
    for share in (Path("/usr/share/mysql"), Path("/usr/share/mariadb")):
        if (share / "mysql_system_tables.sql").exists():
            return share
    raise ClusterError("mariadb-server-core has no mysql_system_tables.sql; use --accounting no")


def _launch_munge(settings: Settings) -> None:
    folder, socket = settings.folder, settings.munge_socket
    command = [
        *("munged", "--foreground", "--force", f"--socket={socket}"),
        *(f"--key-file={folder}/munge.key", f"--pid-file={folder}/run/.munged"),
        *(f"--seed-file={folder}/run/munge.seed", f"--log-file={folder}/log/munged.log"),
    ]
    processes.launch(folder, "munged", command)
    _await(settings, "munged", lambda: slots.listens(str(socket)))


def _launch_controller(settings: Settings) -> None:
    """slurmctld; the address it binds is that of its host's name, so it gets a name of its own."""
    folder = settings.folder
    command = ["slurmctld", "-D", "-f", str(folder / "slurm.conf")]
    if settings.isolated:
        script = f'hostname {config.CONTROLLER}; mount --bind "$0/hosts" /etc/hosts; exec "$@"'
        command = ["unshare", "--mount", "--uts", "sh", "-ec", script, str(folder), *command]
    processes.launch(folder, "slurmctld", command)
    address = (settings.controller_address, settings.controller_port)
    _await(settings, "slurmctld", lambda: slots.listens(address))


def _await(settings: Settings, name: str, ready: Callable[[], bool]) -> None:
    """Wait until a daemon answers; ClusterError at once where it died."""

    def answers() -> bool:
        if processes.find(settings.folder, name) is None:
            raise ClusterError(f"{name} ended while it was starting")
        return ready()

    processes.wait_for(answers, READY_DEADLINE_S, f"{name} to answer")


def wait_for_nodes(settings: Settings, names: Sequence[str]) -> None:
    """Wait until those nodes take jobs."""

    def up() -> bool:
        asked = ("sinfo", "-h", "-N", "-p", "debug", "-n", ",".join(names), "-o", "%T")
        states = client(settings, *asked).split()
        return len(states) == len(names) and set(states) <= UP_STATES

    processes.wait_for(up, READY_DEADLINE_S, f"{', '.join(names)} to be up")


def all_live(settings: Settings) -> bool:
    """Whether every daemon but those of the nodes, which may be crashed on purpose, lives."""
    names = ["watchdog", "munged", "slurmctld"]
    names += ["mariadbd", "slurmdbd"] if settings.accounting else []
    return all(processes.find(settings.folder, name) is not None for name in names)


def client(settings: Settings, *words: str, lines: str = "") -> str:
    """Ask SLURM something; its standard output, or ClusterError with what it complained about."""
    environment = processes.environment(settings.folder)
    done = subprocess.run(words, env=environment, input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(words)} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def last_lines(settings: Settings, lines: int = 4) -> str:
    """The end of every log that has one."""
    parts = []
    for path in sorted((settings.folder / "log").glob("*")):
        if tail := path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]:
            parts.append("\n".join([f"-- {path.name}", *tail]))
    return "\n".join(parts)
