"""The development cluster's configuration files as text, and what it says without packages."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from slurm.dev.config import (
    ClusterError,
    Node,
    Settings,
    from_json,
    gres_conf,
    hosts,
    parse_nodes,
    ports,
    slurm_conf,
    slurmdbd_conf,
    to_json,
)

DEV = Path(__file__).resolve().parents[2] / "slurm/dev"
ISOLATED = Settings(
    folder=Path("/tmp/x"),
    user="ada",
    host="laptop",
    slot=7,
    nodes=(Node("node1", "a800", 4), Node("node2")),
    accounting=True,
    isolated=True,
    first_job_id=4711,
    max_array_size=4,
)
BARE = replace(ISOLATED, isolated=False, accounting=False, loopback_only=True)


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_nodes_are_named_in_order() -> None:
    parsed = parse_nodes(["a800:4", "cpu", "a100:16"])
    assert parsed == (Node("node1", "a800", 4), Node("node2"), Node("node3", "a100", 16))


@pytest.mark.parametrize("word", ["a800", "a800:0", ":4", "a800:4:1", "A800:4", "a800:x", ""])
def test_a_malformed_node_is_refused(word: str) -> None:
    with pytest.raises(ClusterError, match=r"TYPE:GPUS"):
        parse_nodes([word])


@pytest.mark.parametrize("count", [0, 17])
def test_the_number_of_nodes_is_bounded(count: int) -> None:
    with pytest.raises(ClusterError, match=f"{count} nodes were asked for; allowed are 1 to 16"):
        parse_nodes(["cpu"] * count)


def test_every_line_is_one_key_and_a_value() -> None:
    for settings in (ISOLATED, BARE):
        keys = [line.partition("=")[0] for line in lines(slurm_conf(settings))]
        assert all(key.isalpha() for key in keys)
        single = [key for key in keys if key not in ("NodeName", "PartitionName")]
        assert len(set(single)) == len(single)


def test_isolated_nodes_have_an_address_each_and_the_same_port() -> None:
    text = lines(slurm_conf(ISOLATED))
    assert "SlurmctldHost=ctl(198.18.7.254)" in text
    assert (
        "NodeName=node1 NodeHostname=node1 NodeAddr=198.18.7.1 Port=20142 CPUs=64 "
        "RealMemory=1000000 Gres=gpu:a800:4 Feature=a800"
    ) in text
    assert (
        "NodeName=node2 NodeHostname=node2 NodeAddr=198.18.7.2 Port=20142 CPUs=64 "
        "RealMemory=1000000"
    ) in text
    assert hosts(ISOLATED) == (
        "127.0.0.1 localhost\n198.18.7.254 ctl laptop\n198.18.7.1 node1\n198.18.7.2 node2\n"
    )


def test_bare_nodes_share_one_address_and_have_a_port_each() -> None:
    text = lines(slurm_conf(BARE))
    assert "SlurmctldHost=localhost(127.0.0.1)" in text
    assert [line.split()[2:4] for line in text if line.startswith("NodeName=")] == [
        ["NodeAddr=127.0.0.1", "Port=20142"],
        ["NodeAddr=127.0.0.1", "Port=20143"],
    ]


def test_sixteen_bare_nodes_stay_within_the_ports_of_their_slot() -> None:
    full = replace(BARE, nodes=parse_nodes(["cpu"] * 16))
    used = {full.controller_port, full.accounting_port}
    used |= {full.node_port(node.name) for node in full.nodes}
    assert len(used) == 18 and used <= set(ports(7))
    assert not set(ports(7)) & set(ports(8))


def test_loopback_alone_is_bound_only_where_the_hosts_name_means_it() -> None:
    assert "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" in lines(slurm_conf(BARE))
    assert "NoInAddrAny" not in slurm_conf(replace(BARE, loopback_only=False))


def test_what_requeue_and_preemption_rest_on() -> None:
    text = lines(slurm_conf(ISOLATED))
    assert "AuthInfo=socket=/tmp/x/run/munge.sock,cred_expire=5" in text
    for line in (
        "JobRequeue=1",
        "KillWait=5",
        "OverTimeLimit=0",
        "PreemptMode=REQUEUE",
        "SlurmctldParameters=preempt_send_user_signal",
        "FirstJobId=4711",
        "MaxArraySize=4",
    ):
        assert line in text
    assert [line for line in text if line.startswith("PartitionName=")] == [
        "PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=15",
        "PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF",
        "PartitionName=short Nodes=ALL MaxTime=5 PriorityTier=1 GraceTime=15",
    ]


def test_accounting_is_all_or_nothing() -> None:
    assert "AccountingStoragePass=/tmp/x/run/munge.sock" in lines(slurm_conf(ISOLATED))
    assert "AccountingStoragePort=20141" in lines(slurm_conf(ISOLATED))
    without = [line for line in lines(slurm_conf(BARE)) if "acct" in line or "Acc" in line]
    assert without == [
        "AccountingStorageType=accounting_storage/none",
        "JobAcctGatherType=jobacct_gather/none",
    ]
    assert "DbdPort=20141" in lines(slurmdbd_conf(ISOLATED))
    assert "DbdAddr=198.18.7.254" in lines(slurmdbd_conf(ISOLATED))


def test_gres_conf_names_a_device_for_each_gpu() -> None:
    devices = {"node1": ["/dev/a", "/dev/b", "/dev/c", "/dev/d"]}
    assert gres_conf(ISOLATED, devices) == (
        "AutoDetect=off\nNodeName=node1 Name=gpu Type=a800 File=/dev/a,/dev/b,/dev/c,/dev/d\n"
    )


def test_settings_survive_the_file() -> None:
    assert from_json(to_json(ISOLATED)) == ISOLATED


def test_an_unknown_node_names_those_there_are() -> None:
    with pytest.raises(ClusterError, match=r"no node 'node9'; the nodes are node1, node2"):
        ISOLATED.address("node9")


def without_programs(*words: str) -> str:
    """What a command complains about where PATH leads nowhere."""
    environment = os.environ | {"PATH": "/nonexistent"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr


def test_missing_packages_are_named_with_the_apt_line() -> None:
    folder = "/tmp/reprise-slurm-that-never-starts"
    said = without_programs(sys.executable, str(DEV / "cluster.py"), "start", "--folder", folder)
    assert "slurm/dev/install.sh" in said
    assert "apt-get install --no-install-recommends" in said and "slurm-client" in said


def test_the_installer_says_what_to_install_where_there_is_no_apt() -> None:
    said = without_programs("/bin/sh", str(DEV / "install.sh"))
    assert "no apt-get" in said and "slurmctld" in said and "slurm-wlm-mysql-plugin" in said


def test_a_folder_too_long_for_sockets_is_refused() -> None:
    folder = "/tmp/" + "x" * 80
    command = [sys.executable, str(DEV / "cluster.py"), "start", "--folder", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "80 bytes at most" in done.stderr
