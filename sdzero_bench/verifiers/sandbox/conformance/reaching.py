"""Programs that try to reach the network, other processes, and powerful parts of the kernel."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, script, wrong_outcome
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox


def _socket(sandbox: Sandbox) -> str | None:
    with ExitStack() as stack:
        stream = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", 0))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        abstract.bind("\0" + secrets.token_hex(8))
        abstract.listen()
        addresses = [s.getsockname() for s in (stream, datagrams, abstract)]
        source = f"""
import socket
kinds = [(2, 1), (2, 2), (1, 1)]
for (family, kind), address in zip(kinds, {addresses!r}):
    try:
        s = socket.socket(family, kind)
        s.settimeout(0.2)
        s.connect(address)
        s.send(b"out")
        print("reached" * (kind == 1), address)  # sending a datagram always succeeds: the host checks whether it arrives
    except OSError:
        pass
"""
        wrong = wrong_outcome(sandbox.stdio("python", source, [""], LIMITS).executions[0], ("ok",))
        datagrams.settimeout(0.05)
        try:
            return wrong or f"a datagram arrived: {datagrams.recv(16)!r}"
        except TimeoutError:
            return None


_DNS = """
import socket
try:
    print("reached", socket.getaddrinfo("example.org", 80))
except OSError:
    pass
"""


_PTRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in {os.getppid(), 1}:
    if libc.ptrace(16, pid, 0, 0) == 0:
        print("reached: attached to", pid)
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) >= 0:
        print("reached: memory of", pid)
    try:
        open(f"/proc/{pid}/mem", "rb").close()
        print("reached: /proc memory of", pid)
    except OSError:
        pass
"""

_SIGNALS = """
import os
for pid in {os.getppid(), 1, 2, 3, 4, -1, 0, -os.getppid()} - {os.getpid()}:
    try:
        os.kill(pid, 0)  # signal 0 only checks whether it could
        print("reached", pid)
    except OSError:
        pass
"""

_PROCESSES = """
import glob, os
for path in glob.glob("/proc/[0-9]*/cmdline"):
    if int(path.split("/")[2]) not in (os.getpid(), os.getppid(), 1):
        print("reached", path)
"""


def _daemon(sandbox: Sandbox) -> str | None:
    marker = f"sandbox-daemon-{secrets.token_hex(8)}"
    source = f"""
import os, sys
def f():
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv({sys.executable!r}, [{marker!r}, "-S", "-c", "import time; time.sleep(600)"])
            os._exit(0)
    except OSError:
        pass
f()
"""
    sandbox.calls(source, "f", [[]], LIMITS)
    sandbox.stdio("python", source, [""], LIMITS)
    time.sleep(0.1)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes().split(b"\0")[0]:
                os.kill(int(path.parts[2]), 9)
                return "a daemon was still running"
        except OSError:
            continue
    return None


_DOORS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
attempts = {
    "user namespace": lambda: libc.unshare(0x10000000),
    "mount": lambda: libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None),
    "chroot": lambda: libc.chroot(b"/tmp"),
    "kernel keys": lambda: libc.syscall(250, 0, -3, 0),
    "tracing of the kernel": lambda: libc.syscall(298, ctypes.create_string_buffer(128), 0, -1, -1, 0),
    "the terminal": lambda: libc.ioctl(0, 0x5412, b"x"),
    "setuid": lambda: libc.setuid(12345),
}
for name, attempt in attempts.items():
    if attempt() >= 0:
        print("reached", name)
"""

REACHING = (
    Probe("socket", "connects to the host: TCP, UDP, abstract Unix", "nothing arrives", _socket, held_without_filter=(1, 2)),
    Probe("DNS", "looks up a name", "fails", script(_DNS, "ok"), held_without_filter=(1, 2)),
    Probe("ptrace", "attaches to its parent and reads its memory", "refused", script(_PTRACE, "ok"), (1, 2, 3), (2,)),
    Probe("signals", "sends signals to other processes", "refused", script(_SIGNALS, "ok"), held_without_filter=()),
    Probe("processes by /proc", "lists the host's processes", "not found", script(_PROCESSES, "ok"), (1, 2), (1, 2)),
    Probe("background daemon", "leaves a process behind", "killed", _daemon),
    Probe("doors of the kernel", "namespaces, mounts, keys, tracing", "refused", script(_DOORS, "ok"), (1, 2, 3), ()),
)
