#!/usr/bin/env python3
"""Writes an image of one static busybox in docker-archive form. usage: image.py BUSYBOX OUTPUT"""
import hashlib
import io
import json
import sys
import tarfile


def add(archive, name, data, mode=0o644, kind=tarfile.REGTYPE):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.type = len(data), mode, kind
    archive.addfile(entry, io.BytesIO(data))


def main():
    busybox, output = sys.argv[1:]
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for directory in ("bin", "dev", "proc", "sys", "tmp", "etc"):
            add(archive, directory, b"", 0o755, tarfile.DIRTYPE)
        with open(busybox, "rb") as file:
            add(archive, "bin/busybox", file.read(), 0o755)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/busybox", "sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
    }).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": ["docker.io/library/golden:1"], "Layers": ["layer.tar"]}]
    with tarfile.open(output, "w") as archive:
        add(archive, "manifest.json", json.dumps(manifest).encode())
        add(archive, name, config)
        add(archive, "layer.tar", layer.getvalue())


main()
