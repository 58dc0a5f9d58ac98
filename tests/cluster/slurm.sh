#!/usr/bin/env bash
# A real SLURM on this one machine, for the tests in this folder:  slurm.sh start | stop
# It has one node, one partition `main`, and two pretended GPUs, so that requests for GPUs are
# scheduled as on a cluster. Only for a machine to play with: it runs as root and listens locally.
set -euo pipefail

STATE="${DFE_SLURM_STATE:-/tmp/dfe-slurm}" # spool, logs and pid files; removed by `stop`
ETC="${DFE_SLURM_ETC:-/etc/slurm}"         # jobs do not inherit SLURM_CONF: it must stand there
MARK="# Written by tests/cluster/slurm.sh: removed by its \`stop\`."
DAEMONS=(slurmd slurmctld munged) # in the order in which they stop

fail() {
    echo "slurm.sh: $*" >&2
    exit 1
}

ours() { [ -f "$1" ] && [ "$(head -n 1 "$1")" = "$MARK" ]; }

pid_of() { cat "$STATE/$1.pid" 2>/dev/null || true; }

alive() { # alive NAME: our daemon of that name runs (a pid alone may be anybody's by now)
    local pid
    pid="$(pid_of "$1")"
    [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]
}

refuse_a_real_one() {
    local file
    for file in slurm.conf gres.conf; do
        if [ -e "$ETC/$file" ] && ! ours "$ETC/$file"; then
            fail "$ETC/$file is not ours: this machine has a SLURM of its own, which is left alone." \
                "Run the tests on a machine without one."
        fi
    done
}

install() {
    local missing="" tool
    for tool in slurmctld slurmd munged rsync; do # rsync: for staged storage
        command -v "$tool" >/dev/null || missing="$missing $tool"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null ||
        fail "missing:$missing. Install SLURM, munge and rsync; there is no apt-get to do it with."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurm-wlm munge rsync >/dev/null
}

configure() {
    local host memory
    host="$(hostname -s)"
    memory="$(slurmd -C | sed -n 's/.*RealMemory=\([0-9]*\).*/\1/p')"
    mkdir -p "$ETC" "$STATE/controller" "$STATE/node"
    cat >"$ETC/gres.conf" <<EOF
$MARK
NodeName=$host Name=gpu File=/dev/null
NodeName=$host Name=gpu File=/dev/zero
EOF
    cat >"$ETC/slurm.conf" <<EOF
$MARK
ClusterName=dfe
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$STATE/controller
SlurmdSpoolDir=$STATE/node
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
MpiDefault=none
ReturnToService=2
# The controller remembers finished jobs: they are the proof that jobs ran here.
MinJobAge=86400
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory Gres=gpu:2
PartitionName=main Nodes=$host Default=YES State=UP
EOF
}

start_munge() {
    if munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then
        return # one runs already: used, and not stopped by us
    fi
    mkdir -p /run/munge
    chown munge: /run/munge
    runuser -u munge -- /usr/sbin/munged --force
    cp /run/munge/munged.pid "$STATE/munged.pid"
}

wait_for_idle() {
    for _ in $(seq 60); do
        sinfo -h -o %t 2>/dev/null | grep -qx idle && return
        sleep 1
    done
    tail -n 20 "$STATE"/*.log >&2 || true
    fail "the node did not become idle: sinfo says '$(sinfo -h -o %t 2>&1 || true)'."
}

start() {
    refuse_a_real_one
    [ "$(id -u)" = 0 ] || fail "start it as root: the daemons run jobs for other users."
    install
    stop
    configure
    trap 'code=$?; [ "$code" = 0 ] || stop; exit "$code"' EXIT
    start_munge
    slurmctld
    slurmd
    wait_for_idle
    echo "SLURM runs: $(sinfo -h -o '%D node, %c cores, %m MB, %G')"
}

stop() {
    local name
    for name in "${DAEMONS[@]}"; do
        if alive "$name"; then
            kill "$(pid_of "$name")"
            for _ in $(seq 100); do
                alive "$name" || break
                sleep 0.1
            done
            if alive "$name"; then kill -KILL "$(pid_of "$name")"; fi
        fi
    done
    for file in slurm.conf gres.conf; do
        if ours "$ETC/$file"; then rm -f "$ETC/$file"; fi
    done
    rm -rf "$STATE"
}

case "${1:-}" in
    start) start ;;
    stop)
        stop
        echo "SLURM is stopped."
        ;;
    *) fail "say start or stop" ;;
esac
