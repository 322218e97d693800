#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A third-party AWS server (ministack) on loopback with TLS and checked signatures, driven line by line.

usage: ministack_server.py FOLDER
Writes FOLDER/server.json once it serves, then reads commands from standard input (disable, enable, schedule, cancel)
and answers each with `ok`. Ends, with the server, at the end of its input.
"""

import datetime
import ipaddress
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = pathlib.Path(sys.argv[1])
REGION = "us-east-1"


def make_certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ministack test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (FOLDER / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (FOLDER / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def client(service, endpoint, key="test", secret="test"):
    return boto3.client(
        service, endpoint_url=endpoint, verify=str(FOLDER / "ca.pem"), region_name=REGION, aws_access_key_id=key,
        aws_secret_access_key=secret, config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=10))


def user(iam, name, statements):
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="kms", PolicyDocument=document)
    access_key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"accessKeyId": access_key["AccessKeyId"], "secretAccessKey": access_key["SecretAccessKey"]}


def role(iam):
    trust = {
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "shop-7"}}}
    made = iam.create_role(
        RoleName="keyfold", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    allowed = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    iam.put_role_policy(
        RoleName="keyfold", PolicyName="kms",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    return made["Role"]["Arn"]


def wait_for(kms, server):
    for _ in range(300):
        if server.poll() is not None:
            sys.exit(f"ministack ended with {server.returncode}")
        try:
            kms.list_keys()
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
    sys.exit("ministack did not serve within a minute")


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
