#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's own SDK against a running local KMS: every operation, and the exception class AWS documents for each refusal.

usage: kms_boto3.py ENDPOINT CA_PEM CREDENTIALS_JSON [REGION ROLE_ARN EXTERNAL_ID METADATA_ENDPOINT]
"""

import json
import os
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, CA, CREDENTIALS = sys.argv[1:4]
REGION = sys.argv[4] if len(sys.argv) > 4 else "us-east-1"
PASSED = 0


def client(key=None, secret=None, token=None, region=REGION, service="kms"):
    with open(CREDENTIALS, encoding="utf-8") as file:
        credentials = json.load(file)
    return boto3.client(
        service,
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


def sts_refused(name, code, status, **arguments):
    try:
        arguments.pop("sts", sts).assume_role(**{"RoleArn": ROLE, "RoleSessionName": "node-1", **arguments})
    except ClientError as error:
        check(f"{name}: {code}", error.response["Error"]["Code"] == code)
        check(f"{name}: HTTP {status}", error.response["ResponseMetadata"]["HTTPStatusCode"] == status)
        return
    sys.exit(f"FAILED: {name}: the call succeeded")


def session(**arguments):
    answer = sts.assume_role(RoleArn=ROLE, RoleSessionName="node-1", ExternalId=EXTERNAL_ID, **arguments)
    credentials = answer["Credentials"]
    return client(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


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

# Multi-Region keys: one id and one material, a state for each region.
primary = kms.create_key(MultiRegion=True)["KeyMetadata"]
check("multi-Region: id", primary["KeyId"].startswith("mrk-") and len(primary["KeyId"]) == 36)
check("multi-Region: described", primary["MultiRegion"])
mrk_blob = kms.encrypt(KeyId=primary["Arn"], Plaintext=b"master key", EncryptionContext=context)["CiphertextBlob"]
replica = kms.replicate_key(KeyId=primary["Arn"], ReplicaRegion="eu-west-1")["ReplicaKeyMetadata"]
check("replica: ARN", replica["Arn"] == primary["Arn"].replace(REGION, "eu-west-1"))
europe = client(region="eu-west-1")
answer = europe.decrypt(CiphertextBlob=mrk_blob, EncryptionContext=context)
check("replica decrypts", answer["Plaintext"] == b"master key" and answer["KeyId"] == replica["Arn"])
configuration = europe.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]
check("replica: described", configuration["MultiRegionKeyType"] == "REPLICA"
      and configuration["PrimaryKey"] == {"Arn": primary["Arn"], "Region": REGION}
      and configuration["ReplicaKeys"] == [{"Arn": replica["Arn"], "Region": "eu-west-1"}])
check("list in the replica's region", [k["KeyArn"] for k in europe.list_keys()["Keys"]] == [replica["Arn"]])
refused("single-Region blob elsewhere", "AccessDeniedException", europe.decrypt, CiphertextBlob=blob,
        EncryptionContext=context)
refused("primary's ARN in the replica's region", "NotFoundException", europe.describe_key, KeyId=primary["Arn"])
europe.disable_key(KeyId=replica["Arn"])
refused("replica disabled", "DisabledException", europe.decrypt, CiphertextBlob=mrk_blob, EncryptionContext=context)
check("primary goes on", kms.decrypt(CiphertextBlob=mrk_blob, EncryptionContext=context)["Plaintext"] == b"master key")
europe.enable_key(KeyId=replica["Arn"])
refused("replicated twice", "AlreadyExistsException", kms.replicate_key, KeyId=primary["Arn"],
        ReplicaRegion="eu-west-1")
refused("replica of a single-Region key", "UnsupportedOperationException", kms.replicate_key, KeyId=arn,
        ReplicaRegion="eu-west-1")

# Rotation on demand: new material for new blobs, old blobs go on.
check("rotate", kms.rotate_key_on_demand(KeyId=primary["KeyId"])["KeyId"] == primary["Arn"])
rotated = kms.encrypt(KeyId=primary["KeyId"], Plaintext=b"second", EncryptionContext=context)["CiphertextBlob"]
for name, region in (("primary", kms), ("replica", europe)):
    check(f"{name}: old material",
          region.decrypt(CiphertextBlob=mrk_blob, EncryptionContext=context)["Plaintext"] == b"master key")
    check(f"{name}: new material",
          region.decrypt(CiphertextBlob=rotated, EncryptionContext=context)["Plaintext"] == b"second")
check("rotations", [r["RotationType"] for r in kms.list_key_rotations(KeyId=primary["KeyId"])["Rotations"]]
      == ["ON_DEMAND"])
check("no yearly rotation", not kms.get_key_rotation_status(KeyId=primary["KeyId"])["KeyRotationEnabled"])

if len(sys.argv) > 5:
    ROLE, EXTERNAL_ID, METADATA = sys.argv[5:8]
    sts = client(service="sts")
    check("caller identity", ":user/AKIA" in sts.get_caller_identity()["Arn"])
    sts_refused("no external id", "AccessDenied", 403)
    sts_refused("wrong external id", "AccessDenied", 403, ExternalId="wrong")
    sts_refused("unknown role", "AccessDenied", 403, RoleArn=ROLE + "x", ExternalId=EXTERNAL_ID)
    sts_refused("too long", "ValidationError", 400, ExternalId=EXTERNAL_ID, DurationSeconds=43201)
    sts_refused("policy without sense", "MalformedPolicyDocument", 400, ExternalId=EXTERNAL_ID, Policy='{"x":1}')
    sts_refused("wrong secret", "SignatureDoesNotMatch", 403, sts=client(secret="wrong", service="sts"))
    sts_refused("unknown access key", "InvalidClientTokenId", 403, sts=client(key="AKIAUNKNOWN", service="sts"))
    role = session()
    check("role decrypts", role.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"master key")
    refused("role creates", "AccessDeniedException", role.create_key)
    narrow = session(Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": arn,
            "Condition": {"StringEquals": {"kms:EncryptionContext:keyfold:node": "n1"}},
        },
    }))
    for node, allowed in (("n1", True), ("n2", False)):
        own = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"keyfold:node": node})["CiphertextBlob"]
        if allowed:
            check("session policy: own node", narrow.decrypt(
                CiphertextBlob=own, EncryptionContext={"keyfold:node": node})["Plaintext"] == b"x")
        else:
            refused("session policy: other node", "AccessDeniedException", narrow.decrypt, CiphertextBlob=own,
                    EncryptionContext={"keyfold:node": node})
    refused("session policy: other action", "AccessDeniedException", narrow.describe_key, KeyId=arn)

    os.environ.update({"AWS_EC2_METADATA_SERVICE_ENDPOINT": METADATA, "AWS_CONFIG_FILE": os.devnull,
                       "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_REGION": REGION})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        os.environ.pop(name, None)
    machine = boto3.Session(region_name=REGION)
    check("machine: method", machine.get_credentials().method == "iam-role")
    answer = machine.client("kms", endpoint_url=ENDPOINT, verify=CA).decrypt(
        CiphertextBlob=blob, EncryptionContext=context)
    check("machine decrypts", answer["Plaintext"] == b"master key")

print(f"{PASSED} passed, 0 failed")
