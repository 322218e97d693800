#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A third-party AWS server (ministack) on loopback with TLS and checked signatures, driven line by line.

usage: ministack_server.py FOLDER
Writes FOLDER/server.json once it serves, then reads commands from standard input (disable, enable, schedule, cancel)
and answers each with `ok`. Ends, with the server, at the end of its input.
"""

import json
import os
import subprocess
import sys

from aws_server import FOLDER, REGION, client, free_port, make_certificate, role, user, wait_for


def main():
    make_certificate()
    port = free_port()
    endpoint = f"https://127.0.0.1:{port}"
    environment = dict(
        os.environ, AUTH="true", SFTP_ENABLED="0", IOT_MTLS_ENABLED="0", GATEWAY_PORT=str(port), USE_SSL="1",
        STATE_DIR=str(FOLDER / "state"))
    log = (FOLDER / "server.log").open("wb")
    server = subprocess.Popen(
        [os.path.join(os.path.dirname(sys.executable), "hypercorn"), "ministack.app:app", "--bind", f"127.0.0.1:{port}",
         "--certfile", str(FOLDER / "ca.pem"), "--keyfile", str(FOLDER / "server.key")],
        env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        kms = client("kms", endpoint)
        wait_for(kms, server)
        key = kms.create_key()["KeyMetadata"]
        iam = client("iam", endpoint)
        allowed = [{"Effect": "Allow", "Action": ["kms:*", "sts:AssumeRole"], "Resource": "*"}]
        details = {
            "endpoint": endpoint, "ca": (FOLDER / "ca.pem").read_text(), "region": REGION, "keyArn": key["Arn"],
            "allowed": user(iam, "allowed", allowed), "denied": user(iam, "denied", []), "roleArn": role(iam),
        }
        (FOLDER / "server.json.new").write_text(json.dumps(details))
        os.rename(FOLDER / "server.json.new", FOLDER / "server.json")
        print("ok", flush=True)
        actions = {
            "disable": kms.disable_key, "enable": kms.enable_key, "cancel": kms.cancel_key_deletion,
            "schedule": lambda KeyId: kms.schedule_key_deletion(KeyId=KeyId, PendingWindowInDays=7),
        }
        for line in sys.stdin:
            actions[line.strip()](KeyId=key["KeyId"])
            print("ok", flush=True)
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()


main()
