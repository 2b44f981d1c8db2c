"""Every call that differs by operating system: links, syncs, clones, forks, and who this process is."""

from __future__ import annotations

import errno
import functools
import getpass
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the module is optional, and mypy sees it on Linux

__all__ = [
    "ProcessIdentity",
    "await_end",
    "be_last",
    "clone",
    "confine",
    "host_name",
    "is_running",
    "lies_in_container",
    "lock_file",
    "move_new",
    "on_fork",
    "process_identity",
    "seconds_unserved",
    "start_detached",
    "sync_file",
    "sync_folder",
    "user_name",
]

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1  # Linux
_RENAME_EXCL = 4  # macOS
_FICLONE = 0x40049409
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}
_CONTAINERS = ("docker", "kubepods", "containerd", "libpod", "lxc")
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


def move_new(source: Path, target: Path) -> bool:
    """Give the file the name `target` unless that exists, atomically; say whether it was done. `source` is gone then."""
    if hasattr(os, "link"):
        try:
            os.link(source, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:  # a folder on FAT, gcsfuse, s3fs
                raise
        else:
            os.unlink(source)
            return True
    return _rename_new(source, target)


def _rename_new(source: Path, target: Path) -> bool:
    if sys.platform == "win32":
        try:
            os.rename(source, target)  # refuses to replace, there
        except FileExistsError:
            return False
        return True
    import ctypes  # late, as it is hardly ever wanted

    libc = ctypes.CDLL(None, use_errno=True)
    old, new = os.fsencode(source), os.fsencode(target)
    if sys.platform == "darwin":
        failed = libc.renamex_np(old, new, _RENAME_EXCL)
    else:
        failed = libc.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE)
    if not failed:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise OSError(code, os.strerror(code), str(target))


def sync_file(fd: int) -> None:
    """Bring the file's bytes and size to the disk, so that they survive the loss of power."""
    if sys.platform == "darwin" and fcntl is not None:
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync there stops at the drive's cache
    elif hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Bring the folder's entries to the disk: without it a synced file can lose its name."""
    if sys.platform == "win32":
        return  # folders cannot be opened there; NTFS journals its entries
    try:
        fd = os.open(folder, os.O_RDONLY)
    except PermissionError:  # it may be entered and not read: who made it has synced it
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what some network file systems answer for a folder
            raise
    finally:
        os.close(fd)


def clone(source_fd: int, target_fd: int) -> bool:
    """Share the source's blocks with the target, copy on write; say whether the file system could."""
    if fcntl is None or not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError:
        return False
    return True


def on_fork(
    *, in_child: Callable[[], None], before: Callable[[], None] = lambda: None, in_parent: Callable[[], None] = lambda: None
) -> None:
    """Call `before` in the thread that forks, then `in_parent` there and `in_child` first thing in the child; none may raise."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def lock_file(path: Path) -> int | None:
    """Hold the file, as long as the number given is open and this process lives; None while another one holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno not in _HELD:  # a file system without locks
            raise
        return None
    return fd


def be_last() -> None:
    """Let every other process of the machine come first."""
    if hasattr(os, "nice"):
        os.nice(19)


def start_detached(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one: of its own session, with no way to our terminal, files or folder."""
    import subprocess  # late: it takes 5 ms, which few programs need

    class Detached(subprocess.Popen[bytes]):
        """One that is forgotten without the warning that it still runs."""

        def __del__(self) -> None:
            pass

    silence = subprocess.DEVNULL
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return Detached(command, env=environment, stdin=silence, stdout=silence, stderr=silence, creationflags=flags)
    return Detached(command, env=environment, cwd="/", stdin=silence, stdout=silence, stderr=silence, start_new_session=True)


def await_end(parent: int, seconds: float) -> None:
    """Wait until the process that started this one is gone; for `seconds` at most, and not where one keeps its parent for good."""
    deadline = time.monotonic() + seconds
    while sys.platform != "win32" and os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.01)


def lies_in_container() -> bool:
    """Whether this process is in a container, whose end is the end of every process in it."""
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return True
    return any(name in _whole("/proc/self/cgroup") for name in _CONTAINERS)


@dataclass(frozen=True)
class ProcessIdentity:
    """What tells this process from every other one, on any machine and after any reboot."""

    host: str
    boot_id: str
    pid_namespace: int
    pid: int
    start_time: int


def process_identity() -> ProcessIdentity:
    """Who this process is; what the system does not tell is empty or zero."""
    return ProcessIdentity(
        host=host_name(),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_inode("/proc/self/ns/pid"),
        pid=os.getpid(),
        start_time=_start_time("self"),
    )


def is_running(identity: ProcessIdentity) -> bool | None:
    """Whether that process is alive; None where this machine cannot know, since it is another one or sees other numbers."""
    here = process_identity()
    if not identity.boot_id or (identity.host, identity.boot_id, identity.pid_namespace) != (here.host, here.boot_id, here.pid_namespace):
        return None
    return _start_time(identity.pid) == identity.start_time and _state(identity.pid) != "Z"


def seconds_unserved(thread: int) -> float:
    """How long a thread of this process was ready to run, and no processor was free; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/self/task/{thread}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def host_name() -> str:
    """This machine, as it names itself."""
    import socket  # late: not wanted before something is recorded

    return socket.gethostname()


def confine(memory_bytes: int, seconds: int) -> None:
    """Have this process write no files, use no more than this, and, where the system lets it, reach no network."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = [(resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    for what, most in limits:
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard),) * 2)
    if sys.platform == "linux":
        import ctypes  # late, as it is hardly ever wanted

        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # refused in some containers, where the network stays


@functools.cache
def user_name() -> str:
    """Who runs this process, as far as the system tells."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _state(pid: int) -> str:
    """The letter of the process's state; Z for one that has ended and whose parent has not looked."""
    return "".join(_first_line(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1])


def _start_time(pid: int | str) -> int:
    """Clock ticks between boot and the start of the process: a number used again has another one."""
    # The second field, the program's name, may hold spaces and brackets: count from the last bracket.
    fields = _first_line(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


def _first_line(path: str) -> str:
    return _whole(path).partition("\n")[0].strip()


def _whole(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
