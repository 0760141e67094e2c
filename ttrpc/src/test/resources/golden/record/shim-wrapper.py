#!/usr/bin/env python3
"""Stands before the real shim on containerd's PATH: `start` answers a recording proxy's address instead of the shim's.

Keeps what containerd wrote to the shim's stdin and what the shim printed, for `start`, `delete` and `-info`.
"""
import json
import os
import subprocess
import sys

BASE = "/run/golden"


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def parse_result(data):
    """The fields 1 to 3 of a BootstrapResult: one varint and two strings, all short."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 7 == 0:
            fields[tag >> 3], at = data[at], at + 1
        else:
            length, at = data[at], at + 1
            fields[tag >> 3], at = data[at:at + length], at + length
    return fields


def redirect(answer, proxied):
    """The shim's answer with its address replaced, in the form the shim chose."""
    if answer.startswith(b"unix://"):
        return proxied(answer.strip().decode()).encode()
    if answer.startswith(b"{"):
        value = json.loads(answer)
        value["address"] = proxied(value["address"])
        return json.dumps(value).encode()
    fields = parse_result(answer)
    address = proxied(fields[2].decode()).encode()
    return (b"\x08" + varint(fields[1]) + b"\x12" + varint(len(address)) + address
            + b"\x1a" + varint(len(fields[3])) + fields[3])


def start_proxy(address):
    with open(BASE + "/case") as file:
        case = file.read().strip()
    listen = f"{BASE}/{case}.sock"
    proxy = subprocess.Popen(
        [BASE + "/proxy.py", listen, address.removeprefix("unix://"), f"{BASE}/out/task-{case}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    proxy.stdout.readline()
    return "unix://" + listen


def main():
    real = os.environ.get("GOLDEN_SHIM", "/usr/bin/containerd-shim-runc-v2")
    action = sys.argv[-1] if sys.argv[-1] in ("start", "delete", "-info") else "other"
    given = b"" if action == "delete" or sys.stdin is None else sys.stdin.buffer.read()
    os.environ["TTRPC_ADDRESS"] = BASE + "/events.sock"
    result = subprocess.run([real] + sys.argv[1:], input=given, stdout=subprocess.PIPE, check=False)
    with open(BASE + "/case") as file:
        prefix = f"{BASE}/out/{file.read().strip()}.{action.lstrip('-')}"
    for name, data in (("stdin", given), ("stdout", result.stdout)):
        if data:
            with open(f"{prefix}.{name}.bin", "wb") as file:
                file.write(data)
    answer = result.stdout
    if action == "start" and result.returncode == 0:
        answer = redirect(answer, start_proxy)
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    sys.exit(result.returncode)


main()
