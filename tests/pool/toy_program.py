#!/usr/bin/env python3
"""``toy OUT``: joins the Value of its card and its inputs to out/OUT. Other keys of the card make it misbehave:

``Sleep: SECONDS``; ``Fail: CODE``; ``Memory: MB`` that it takes and keeps while it sleeps; ``Fill: MB`` that it writes
after it has slept; ``Deaf: 1`` to not hear SIGTERM; ``Probe: JSON`` to write what it can see to out/OUT (isolation).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time


def attempt(call, *words):
    """Return what a call gives, or the kind of error."""
    try:
        return call(*words)
    except (OSError, subprocess.SubprocessError) as error:
        return f"refused: {type(error).__name__}"


def connect(host, port):
    """Connect to a server."""
    with socket.create_connection((host, port), timeout=3):
        return "connected"


def write(path):
    """Write to a file, or to a new one in a folder."""
    path = os.path.join(path, "new") if os.path.isdir(path) else path
    with open(path, "ab") as file:
        file.write(b"x")
    return "written"


def read(path):
    """Read a file or list a folder."""
    if os.path.isdir(path):
        return sorted(os.listdir(path))
    with open(path, "rb") as file:
        return file.read(200).decode("utf-8", "replace")


def probe(about):
    """Look at everything that a program should not see."""
    stat = os.statvfs("/job")
    return {
        "variables": dict(os.environ),
        "date": {
            "time": time.time(),
            "command": attempt(subprocess.check_output, ["date", "+%Y-%m-%d"]).decode().strip(),
            "file": os.stat("card.rc").st_mtime,
        },
        "host": [
            socket.gethostname(),
            os.uname().nodename,
            attempt(read, "/etc/hostname"),
            attempt(read, "/proc/sys/kernel/hostname"),
        ],
        "user": {"home": os.path.expanduser("~"), "listed": attempt(read, os.path.expanduser("~"))},
        "interfaces": [name for _, name in socket.if_nameindex()],
        "connect": {str(server): attempt(connect, *server) for server in about["servers"]},
        "resolve": {name: str(attempt(socket.getaddrinfo, name, 80)) for name in about["names"]},
        "read": {path: attempt(read, path) for path in about["read"]},
        "write": {path: attempt(write, path) for path in about["write"]},
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "job": attempt(read, "/job"),
        "mounts": [line.split()[1] for line in open("/proc/self/mounts")],
        "free": stat.f_bavail * stat.f_frsize,
    }


def main(out):
    """Do what the card says."""
    with open("card.rc") as file:
        card = dict(line.strip().split(": ", 1) for line in file if ": " in line)
    if "Deaf" in card:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    kept = bytearray(int(card.get("Memory", 0)) << 20)
    for page in range(0, len(kept), 4096):
        kept[page] = 1
    time.sleep(float(card.get("Sleep", 0)))
    if "Fail" in card:
        print("it broke")
        return int(card["Fail"])
    with open(f"out/{out}", "w") as file:
        if "Probe" in card:
            json.dump(probe(json.loads(card["Probe"])), file)
            return 0
        file.write(card.get("Value", "") + "\n")
        for role in sorted(os.listdir("in")) if os.path.isdir("in") else ():
            for name in sorted(os.listdir(f"in/{role}")):
                with open(f"in/{role}/{name}") as other:
                    file.write(other.read())
        for _ in range(int(card.get("Fill", 0))):
            file.write("x" * (1 << 20))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
