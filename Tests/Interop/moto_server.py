#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A third-party AWS server (moto) on loopback with TLS, which checks signatures with botocore's own code.

usage: moto_server.py FOLDER
Writes FOLDER/server.json once it serves, prints `ok`, and ends, with the server, at the end of its input. It is a check
of signatures and rights only: its keys can be used while they are disabled.
"""

import json
import os
import ssl
import subprocess
import sys
import urllib.request

from aws_server import FOLDER, REGION, client, free_port, make_certificate, role, user, wait_for


def check_from_now_on(endpoint):
    """Until now everything was allowed, so that there could be users."""
    request = urllib.request.Request(
        endpoint + "/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST")
    context = ssl.create_default_context(cafile=str(FOLDER / "ca.pem"))
    urllib.request.urlopen(request, context=context, timeout=10).read()


def main():
    make_certificate()
    port = free_port()
    endpoint = f"https://127.0.0.1:{port}"
    log = (FOLDER / "server.log").open("wb")
    server = subprocess.Popen(
        [os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", str(port),
         "-c", str(FOLDER / "ca.pem"), "-k", str(FOLDER / "server.key")],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        kms = client("kms", endpoint)
        wait_for(kms, server)
        iam = client("iam", endpoint)
        allowed = [{"Effect": "Allow", "Action": ["kms:*", "sts:AssumeRole"], "Resource": "*"}]
        details = {
            "endpoint": endpoint, "ca": (FOLDER / "ca.pem").read_text(), "region": REGION,
            "keyArn": kms.create_key()["KeyMetadata"]["Arn"], "allowed": user(iam, "allowed", allowed),
            "denied": user(iam, "denied", []), "roleArn": role(iam),
        }
        check_from_now_on(endpoint)
        (FOLDER / "server.json.new").write_text(json.dumps(details))
        os.rename(FOLDER / "server.json.new", FOLDER / "server.json")
        print("ok", flush=True)
        sys.stdin.read()
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()


main()
