#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's own SDK against a running local KMS: every operation, and the exception class AWS documents for each refusal.

usage: kms_boto3.py ENDPOINT CA_PEM CREDENTIALS_JSON [REGION]
"""

import json
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, CA, CREDENTIALS = sys.argv[1:4]
REGION = sys.argv[4] if len(sys.argv) > 4 else "us-east-1"
PASSED = 0


def client(key=None, secret=None, token=None, region=REGION):
    with open(CREDENTIALS, encoding="utf-8") as file:
        credentials = json.load(file)
    return boto3.client(
        "kms",
        endpoint_url=ENDPOINT,
        verify=CA,
        region_name=region,
        aws_access_key_id=key or credentials["accessKeyId"],
        aws_secret_access_key=secret or credentials["secretAccessKey"],
        aws_session_token=token or credentials.get("sessionToken"),
        config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=10),
    )


def check(name, condition):
    global PASSED
    if not condition:
        sys.exit(f"FAILED: {name}")
    PASSED += 1
    print(f"ok {name}")


def refused(name, code, call, **arguments):
    """The call fails with this error code, as a modelled exception if AWS's model has one."""
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        check(f"{name}: {code}", found == code)
        check(f"{name}: HTTP 400", error.response["ResponseMetadata"]["HTTPStatusCode"] == 400)
        check(f"{name}: request id", bool(uuid.UUID(error.response["ResponseMetadata"]["RequestId"])))
        model = getattr(kms.exceptions, code, None) if hasattr(kms.exceptions, code) else None
        check(f"{name}: exception class", model is None or isinstance(error, model))
        return
    sys.exit(f"FAILED: {name}: the call succeeded")


kms = client()
metadata = kms.create_key(Description="made by boto3")["KeyMetadata"]
key, arn = metadata["KeyId"], metadata["Arn"]
check("create: state", metadata["KeyState"] == "Enabled" and metadata["Enabled"])
check("create: ARN", arn == f"arn:aws:kms:{REGION}:000000000000:key/{key}")
check("create: shape", metadata["KeySpec"] == "SYMMETRIC_DEFAULT" and metadata["KeyUsage"] == "ENCRYPT_DECRYPT")
check("create: date", metadata["CreationDate"].year >= 2024)
other = kms.create_key()["KeyMetadata"]["Arn"]

context = {"keyfold:project": "shop", "näme": "wért \" \\ /"}
answer = kms.encrypt(KeyId=key, Plaintext=b"master key", EncryptionContext=context)
blob = answer["CiphertextBlob"]
check("encrypt: key", answer["KeyId"] == arn and answer["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT")
for name, arguments in {"id": {"KeyId": key}, "ARN": {"KeyId": arn}, "no key": {}}.items():
    answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, **arguments)
    check(f"decrypt with {name}", answer["Plaintext"] == b"master key" and answer["KeyId"] == arn)
check(
    "decrypt 4096 bytes",
    kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=bytes(4096))["CiphertextBlob"])["Plaintext"]
    == bytes(4096),
)
refused("4097 bytes", "ValidationException", kms.encrypt, KeyId=key, Plaintext=bytes(4097))
refused("missing context", "InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)
refused(
    "other context", "InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob,
    EncryptionContext={**context, "keyfold:project": "shop2"},
)
for index in (0, 4, 20, 30, len(blob) - 1):
    damaged = bytearray(blob)
    damaged[index] ^= 1
    refused(
        f"bit of byte {index} flipped", "IncorrectKeyException" if index == 4 else "InvalidCiphertextException",
        kms.decrypt, CiphertextBlob=bytes(damaged), EncryptionContext=context, KeyId=key,
    )
refused(
    "other key", "IncorrectKeyException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, KeyId=other)
refused("garbage", "InvalidCiphertextException", kms.decrypt, CiphertextBlob=b"garbage")
missing = f"arn:aws:kms:{REGION}:000000000000:key/{uuid.uuid4()}"
refused("missing key", "NotFoundException", kms.encrypt, KeyId=missing, Plaintext=b"x")
refused("other region's key", "NotFoundException", kms.describe_key, KeyId=arn.replace(REGION, "eu-north-1"))

data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
check("data key: 32 bytes", len(data_key["Plaintext"]) == 32)
check(
    "data key: decrypts",
    kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=context)["Plaintext"]
    == data_key["Plaintext"],
)

kms.disable_key(KeyId=key)
check("disabled: described", kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled")
refused("disabled: encrypt", "DisabledException", kms.encrypt, KeyId=key, Plaintext=b"x")
refused(
    "disabled: decrypt", "DisabledException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, KeyId=arn)
refused(
    "disabled: decrypt without key", "DisabledException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
kms.enable_key(KeyId=key)
check("enabled again", kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"master key")

refused("6 days", "ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6)
refused("31 days", "ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=31)
answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
check("deletion: date", answer["KeyState"] == "PendingDeletion" and answer["DeletionDate"].year >= 2024)
for name, call, arguments in (
    ("decrypt", kms.decrypt, {"CiphertextBlob": blob, "EncryptionContext": context}),
    ("encrypt", kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
    ("enable", kms.enable_key, {"KeyId": key}),
    ("disable", kms.disable_key, {"KeyId": key}),
    ("schedule", kms.schedule_key_deletion, {"KeyId": key}),
):
    refused(f"pending deletion: {name}", "KMSInvalidStateException", call, **arguments)
check("cancel", kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn)
check("cancelled: disabled", kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled")
refused("cancel twice", "KMSInvalidStateException", kms.cancel_key_deletion, KeyId=key)
kms.enable_key(KeyId=key)

listed = [item["KeyArn"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1})
          for item in page["Keys"]]
check("list in pages of one", sorted(listed) == sorted(set(listed)) and {arn, other} <= set(listed))

refused("wrong secret", "InvalidSignatureException", client(secret="wrong").list_keys)
refused("unknown access key", "UnrecognizedClientException", client(key="AKIAUNKNOWN").list_keys)
refused("unknown token", "UnrecognizedClientException", client(token="unknown").list_keys)
refused("other region in scope", "InvalidSignatureException", client(region="eu-north-1").list_keys)
refused("unsupported operation", "UnknownOperationException", kms.list_aliases)
refused("asymmetric key", "UnsupportedOperationException", kms.create_key, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
refused("tags", "UnsupportedOperationException", kms.create_key, Tags=[{"TagKey": "a", "TagValue": "b"}])

print(f"{PASSED} passed, 0 failed")
