#!/usr/bin/env python3
"""Relays one unix stream socket to another and keeps both directions as raw bytes.

usage: proxy.py LISTEN TARGET PREFIX
Connection N writes PREFIX-N.client.bin (what the dialling side sent) and PREFIX-N.server.bin.
"""
import os
import socket
import sys
import threading


def pump(source, sink, path):
    with open(path, "wb", buffering=0) as out:
        while True:
            data = source.recv(65536)
            if not data:
                break
            out.write(data)
            sink.sendall(data)
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def main():
    listen, target, prefix = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX)
    server.bind(listen)
    server.listen(16)
    number = 0
    # The shim's wrapper reads this line to know that the socket accepts connections.
    print("ready", flush=True)
    os.close(1)
    while True:
        client, _ = server.accept()
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(target)
        number += 1
        for source, sink, side in ((client, upstream, "client"), (upstream, client, "server")):
            path = f"{prefix}-{number}.{side}.bin"
            threading.Thread(target=pump, args=(source, sink, path), daemon=True).start()


main()
