#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What third-party AWS servers have in common: a certificate, a free port, users, and boto3 to make them with."""

import datetime
import ipaddress
import json
import pathlib
import random
import socket
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
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "interop test")])
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
    """A port that is free now, below those that the system gives to outgoing connections."""
    while True:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", random.randrange(12_000, 32_000)))
                return listener.getsockname()[1]
            except OSError:
                continue


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
            sys.exit(f"the server ended with {server.returncode}")
        try:
            kms.list_keys()
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
    sys.exit("the server did not serve within a minute")
