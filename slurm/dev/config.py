"""The files that SLURM reads, as pure text made from one frozen description of the cluster."""

from __future__ import annotations

import ipaddress
import json
import os
import pwd
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

DEFAULT_NODES = ("a800:4", "a800:4", "a100:8", "cpu")
MAX_NODES = 16
PORTS_PER_SLOT = 20
CPUS_PER_NODE = 64
MEMORY_MB_PER_NODE = 1_000_000
CONTROLLER = "ctl"
ACCOUNT = "research"


class ClusterError(RuntimeError):
    """The cluster cannot do what was asked: says what was given and what to do next."""


def user_name() -> str:
    """The account that this program acts as, whatever the environment says."""
    return pwd.getpwuid(os.geteuid()).pw_name


def ports(slot: int) -> range:
    """The slot's TCP ports: controller, slurmdbd, then the nodes'."""
    first = 20000 + PORTS_PER_SLOT * slot
    return range(first, first + PORTS_PER_SLOT)


def bridge(slot: int) -> str:
    """The name of the slot's network bridge."""
    return f"rs{slot}"


@dataclass(frozen=True)
class Node:
    """One node; `gpu_type` is empty where it has no GPU."""

    name: str
    gpu_type: str = ""
    gpus: int = 0


@dataclass(frozen=True)
class Settings:
    """All that decides the configuration of one cluster.

    With isolated nodes slot N has the network 198.18.N.0/24, which RFC 2544 sets aside for tests:
    the controller is its .254 and node I its .I.
    """

    folder: Path
    user: str
    host: str
    slot: int
    nodes: tuple[Node, ...]
    accounting: bool
    isolated: bool
    first_job_id: int
    max_array_size: int = 1001
    loopback_only: bool = False

    @property
    def controller_port(self) -> int:
        return ports(self.slot)[0]

    @property
    def accounting_port(self) -> int:
        return ports(self.slot)[1]

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"198.18.{self.slot}.0/24")

    @property
    def controller_address(self) -> str:
        return str(self.network[254]) if self.isolated else "127.0.0.1"

    @property
    def munge_socket(self) -> Path:
        return self.folder / "run/munge.sock"

    @property
    def database_socket(self) -> Path:
        return self.folder / "db/db.sock"

    def number(self, node: str) -> int:
        """1 for the first node; ClusterError for a name that is not in the cluster."""
        names = [known.name for known in self.nodes]
        if node not in names:
            raise ClusterError(f"there is no node {node!r}; the nodes are {', '.join(names)}")
        return names.index(node) + 1

    def address(self, node: str) -> str:
        return str(self.network[self.number(node)]) if self.isolated else "127.0.0.1"

    def node_port(self, node: str) -> int:
        """Isolated nodes have a port space each; bare ones share the host's."""
        return ports(self.slot)[2 if self.isolated else 1 + self.number(node)]

    def device_folder(self, node: str) -> Path:
        return self.folder / "dev" / node


def parse_nodes(words: list[str] | tuple[str, ...]) -> tuple[Node, ...]:
    """`["a800:4", "cpu"]` -> node1 with four GPUs of type a800, node2 with none."""
    if not 1 <= len(words) <= MAX_NODES:
        raise ClusterError(f"{len(words)} nodes were asked for; allowed are 1 to {MAX_NODES}")
    return tuple(_parse_node(f"node{i}", word) for i, word in enumerate(words, start=1))


def _parse_node(name: str, word: str) -> Node:
    if word == "cpu":
        return Node(name)
    match = re.fullmatch(r"([a-z][a-z0-9_]*):([1-9][0-9]?)", word)
    if match is None:
        raise ClusterError(f"a node is given as TYPE:GPUS, such as a800:4, or as cpu; not {word!r}")
    return Node(name, match[1], int(match[2]))


def to_json(settings: Settings) -> str:
    return json.dumps(asdict(settings) | {"folder": str(settings.folder)}, indent=1)


def from_json(text: str) -> Settings:
    """The inverse of `to_json`."""
    fields = json.loads(text)
    settings = Settings(**fields)
    nodes = tuple(Node(**node) for node in fields["nodes"])
    return replace(settings, folder=Path(fields["folder"]), nodes=nodes)


def slurm_conf(settings: Settings) -> str:
    """The text of slurm.conf."""
    parts = (
        _daemons(settings),
        _scheduling(settings),
        _accounting(settings),
        _network(settings),
        [_node_line(settings, node) for node in settings.nodes],
        _partitions(),
    )
    return "".join(f"{line}\n" for part in parts for line in part)


def _daemons(settings: Settings) -> list[str]:
    folder, host = settings.folder, CONTROLLER if settings.isolated else "localhost"
    return [
        "ClusterName=dev",
        f"SlurmctldHost={host}({settings.controller_address})",
        f"SlurmctldPort={settings.controller_port}",
        f"SlurmUser={settings.user}",
        f"SlurmdUser={settings.user}",
        "AuthType=auth/munge",
        "CredType=cred/munge",
        # A requeued job waits until its former credential has expired: 120 s by default.
        f"AuthInfo=socket={settings.munge_socket},cred_expire=5",
        f"StateSaveLocation={folder}/state",
        f"SlurmdSpoolDir={folder}/spool/%n",
        f"SlurmctldPidFile={folder}/run/.slurmctld",
        f"SlurmdPidFile={folder}/run/.slurmd-%n",
        f"SlurmctldLogFile={folder}/log/slurmctld.log",
        f"SlurmdLogFile={folder}/log/slurmd-%n.log",
        # What needs neither cgroups nor root.
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "SwitchType=switch/none",
        "MpiDefault=none",
        "MailProg=/bin/true",
        "ReturnToService=2",
        "SlurmdTimeout=10",
        # Nodes are believed to be as large as this file says, whatever the machine has.
        "SlurmdParameters=config_overrides",
        "GresTypes=gpu",
    ]


def _scheduling(settings: Settings) -> list[str]:
    return [
        "SchedulerType=sched/backfill",
        "SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=2",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU_Memory",
        "DefMemPerCPU=1024",
        "PreemptType=preempt/partition_prio",
        "PreemptMode=REQUEUE",
        "SlurmctldParameters=preempt_send_user_signal",
        "JobRequeue=1",
        "KillWait=5",
        "OverTimeLimit=0",
        "EnforcePartLimits=ALL",
        "MinJobAge=600",
        f"MaxArraySize={settings.max_array_size}",
        f"FirstJobId={settings.first_job_id}",
    ]


def _accounting(settings: Settings) -> list[str]:
    if not settings.accounting:
        return [
            "AccountingStorageType=accounting_storage/none",
            "JobAcctGatherType=jobacct_gather/none",
        ]
    return [
        "AccountingStorageType=accounting_storage/slurmdbd",
        f"AccountingStorageHost={settings.controller_address}",
        f"AccountingStoragePort={settings.accounting_port}",
        # The way to tell clients of slurmdbd which munge to use; AuthInfo does not reach them.
        f"AccountingStoragePass={settings.munge_socket}",
        "AccountingStoreFlags=job_comment,job_script,job_env",
        # An account or quality of service that does not exist is refused at submission.
        "AccountingStorageEnforce=associations,qos",
        "AccountingStorageTRES=gres/gpu",
        "JobAcctGatherType=jobacct_gather/linux",
        "JobAcctGatherFrequency=task=5",
    ]


def _network(settings: Settings) -> list[str]:
    if settings.isolated:
        return ["CommunicationParameters=NoCtldInAddrAny"]
    if settings.loopback_only:
        return ["CommunicationParameters=NoInAddrAny,NoCtldInAddrAny"]
    return []


def _node_line(settings: Settings, node: Node) -> str:
    name = node.name
    words = [
        f"NodeName={name} NodeHostname={name} NodeAddr={settings.address(name)}",
        f"Port={settings.node_port(name)} CPUs={CPUS_PER_NODE} RealMemory={MEMORY_MB_PER_NODE}",
    ]
    if node.gpus:
        words.append(f"Gres=gpu:{node.gpu_type}:{node.gpus} Feature={node.gpu_type}")
    return " ".join(words)


def _partitions() -> list[str]:
    return [
        "PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=15",
        "PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF",
        "PartitionName=short Nodes=ALL MaxTime=5 PriorityTier=1 GraceTime=15",
    ]


def gres_conf(settings: Settings, devices: dict[str, list[str]]) -> str:
    """The text of gres.conf; `devices` has one character device a GPU for each node with GPUs."""
    lines = ["AutoDetect=off"]
    for node in settings.nodes:
        if node.gpus:
            files = ",".join(devices[node.name])
            lines.append(f"NodeName={node.name} Name=gpu Type={node.gpu_type} File={files}")
    return "".join(f"{line}\n" for line in lines)


def slurmdbd_conf(settings: Settings) -> str:
    """The text of slurmdbd.conf; SLURM asks that only its user may read the file."""
    lines = [
        "AuthType=auth/munge",
        f"AuthInfo=socket={settings.munge_socket}",
        "DbdHost=localhost",
        f"DbdAddr={settings.controller_address}",
        f"DbdPort={settings.accounting_port}",
        f"SlurmUser={settings.user}",
        f"PidFile={settings.folder}/run/.slurmdbd",
        f"LogFile={settings.folder}/log/slurmdbd.log",
        "StorageType=accounting_storage/mysql",
        "StorageHost=localhost",
        f"StorageUser={settings.user}",
        "StorageLoc=slurm",
        "CommitDelay=0",
    ]
    return "".join(f"{line}\n" for line in lines)


def hosts(settings: Settings) -> str:
    """The text of /etc/hosts in the controller and in isolated nodes."""
    lines = [
        "127.0.0.1 localhost",
        f"{settings.controller_address} {CONTROLLER} {settings.host}",
        *(f"{settings.address(node.name)} {node.name}" for node in settings.nodes),
    ]
    return "".join(f"{line}\n" for line in lines)
