"""Seccomp filters that refuse system calls. libseccomp knows their numbers on every architecture.

Refused are calls that reach other processes or the network, rarely used parts of the kernel, and memory that no limit counts.
The filters are deny lists: interpreters and compilers differ too much for an allow list.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from dataclasses import dataclass, field
from types import ModuleType

from sdzero_bench.verifiers.sandbox.inside.confine import OWN_PID

_EVERYWHERE = """
    ptrace process_vm_readv process_vm_writev pidfd_getfd pidfd_send_signal kcmp
    mount umount2 pivot_root move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns chroot
    keyctl add_key request_key bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct quotactl quotactl_fd
    settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname syslog iopl ioperm personality modify_ldt
    vhangup name_to_handle_at open_by_handle_at fanotify_init lookup_dcookie
    socket memfd_create memfd_secret shmget shmat msgget semget mq_open
    io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
"""
_PROGRAMS = "fork vfork setsid setpgid tkill setsockopt vmsplice tee"
_ATTRIBUTES = """
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat file_setattr mknod mknodat
"""
"""What outlasts the sandbox if the file is the host's: the inode of /dev/null is, and root owns it."""
_OTHER_PROCESSES = "kill tgkill rt_sigqueueinfo rt_tgsigqueueinfo"
_SCHEDULING = "sched_setscheduler sched_setparam sched_setattr sched_setaffinity"
"""Of the caller alone: what a program changes of the tester would still hold at its next test."""
_WRITING = """
    creat truncate unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir link linkat symlink symlinkat
"""

_CLONE_THREAD, _CLONE_SETTLS = 0x10000, 0x80000
_F_SETPIPE_SZ = 1031
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE = 8, 10, 15, 1024
_FIOSETOWN, _SIOCSPGRP, _TIOCSTI, _TIOCLINUX = 0x8901, 0x8902, 0x5412, 0x541C
_PR_SET_PDEATHSIG = 1
_PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0, 1


@dataclass(frozen=True)
class Filters:
    """BPF programs: for compilers, for programs, and for programs in a tier without a read-only file system."""

    compiler: bytes = field(default=b"", repr=False)
    program: bytes = field(default=b"", repr=False)
    program_without_writing: bytes = field(default=b"", repr=False)
    version: str | None = None
    """The version of libseccomp; None if it is not available, in which case there are no filters."""


def make_filters() -> Filters:
    """The filters; empty ones if libseccomp is not available."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError, AttributeError):  # the bindings load the library on import
        return Filters()
    compiler, program, without_writing = (_filter(pyseccomp, *which) for which in ((False, False), (True, False), (True, True)))
    return Filters(compiler, program, without_writing, _version(pyseccomp))


def _version(library: ModuleType) -> str:
    version = library._libseccomp.seccomp_version
    version.restype = library.ctypes.POINTER(library.ctypes.c_uint * 3)
    return ".".join(map(str, version().contents))


def _filter(library: ModuleType, program: bool, no_writing: bool) -> bytes:
    rules = library.SyscallFilter(library.ALLOW)

    def refuse(name: str, *arguments: object, error: int = errno.EPERM) -> None:
        with contextlib.suppress(OSError):  # a call unknown to this libseccomp: newer, or of another architecture
            rules.add_rule(library.ERRNO(error), name, *arguments)

    def argument(position: int, operation: int, value: int, masked: int = 0) -> object:
        return library.Arg(position, operation, value, masked)

    def bits(position: int, mask: int, value: int) -> object:
        return argument(position, library.MASKED_EQ, mask, value)

    for name in (_EVERYWHERE + (_PROGRAMS + _ATTRIBUTES) * program + _WRITING * no_writing).split():
        refuse(name)
    for request in (_FIOSETOWN, _SIOCSPGRP, _TIOCSTI, _TIOCLINUX):
        refuse("ioctl", bits(1, 0xFFFFFFFF, request))
    if program:
        refuse(
            "clone3", error=errno.ENOSYS
        )  # its flags are in memory, which filters cannot read; libc then falls back to clone
        refuse("clone", bits(0, _CLONE_THREAD, 0))
        refuse("clone", bits(0, _CLONE_SETTLS, 0))  # a thread without what libc needs is made only to make many of them
        refuse("prlimit64", argument(0, library.NE, 0))
        refuse("prctl", bits(0, 0xFFFFFFFF, _PR_SET_PDEATHSIG))
        for request in (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_SETPIPE_SZ):
            refuse("fcntl", bits(1, 0xFFFFFFFF, request))
        for name in _OTHER_PROCESSES.split():
            refuse(name, argument(0, library.NE, OWN_PID))
        for name in _SCHEDULING.split():
            refuse(name, argument(0, library.NE, 0))
        for name, which in (("setpriority", _PRIO_PROCESS), ("ioprio_set", _IOPRIO_WHO_PROCESS)):
            refuse(name, argument(0, library.NE, which))
            refuse(name, argument(1, library.NE, 0))
    if no_writing:
        refuse("openat2", error=errno.ENOSYS)
        for flag in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC):
            refuse("open", bits(1, flag, flag))
            refuse("openat", bits(2, flag, flag))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
