#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's own client against a running local KMS: every operation, and Cloud KMS's error for every refusal.

usage: kms_google.py ENDPOINT CA_PEM ADMINISTRATOR_JSON USER_JSON METADATA_ENDPOINT
"""

import json
import os
import sys
import time

# The client's transport trusts what requests trusts, and its tokens come over it.
os.environ["REQUESTS_CA_BUNDLE"] = sys.argv[2]
# Where a machine of Google's finds its metadata service; read when the libraries are loaded.
os.environ["GCE_METADATA_HOST"] = os.environ["GCE_METADATA_IP"] = sys.argv[5].removeprefix("http://")

import google.auth.compute_engine
import google.auth.jwt
import google.auth.transport.requests
import google_crc32c
import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.exceptions import RefreshError
from google.cloud import kms
from google.oauth2 import service_account

ENDPOINT, CA, ADMINISTRATOR, USER, METADATA = sys.argv[1:6]
SCOPES = ["https://www.googleapis.com/auth/cloudkms"]
PASSED = 0


def check(name, condition):
    global PASSED
    if not condition:
        sys.exit(f"FAILED: {name}")
    PASSED += 1
    print(f"ok {name}")


def values(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def client(path, credentials=None):
    credentials = credentials or service_account.Credentials.from_service_account_file(path)
    return kms.KeyManagementServiceClient(
        credentials=credentials, transport="rest", client_options=ClientOptions(api_endpoint=ENDPOINT))


def refused(title, expected, text, call, *arguments, **named):
    try:
        call(*arguments, retry=None, timeout=20, **named)
    except exceptions.GoogleAPICallError as error:
        check(f"{title}: {expected.__name__}", isinstance(error, expected))
        check(f"{title}: {text}", text in str(error))
        return error
    sys.exit(f"FAILED: {title}: the call succeeded")


def violation(error):
    return [v["type"] for detail in error.details for v in detail.get("violations", [])]


admin, user = client(ADMINISTRATOR), client(USER)
project = f"projects/{values(ADMINISTRATOR)['project_id']}/locations/global"
ring = admin.create_key_ring(parent=project, key_ring_id="ring", key_ring={})
check("key ring", ring.name == f"{project}/keyRings/ring" and ring.create_time.year >= 2024)
key = admin.create_crypto_key(
    parent=ring.name, crypto_key_id="cmk", crypto_key={"purpose": "ENCRYPT_DECRYPT", "labels": {"owner": "shop"}})
first = f"{key.name}/cryptoKeyVersions/1"
check("key", key.name == f"{ring.name}/cryptoKeys/cmk" and key.primary.name == first and key.labels["owner"] == "shop")
check("key: primary", key.primary.state == kms.CryptoKeyVersion.CryptoKeyVersionState.ENABLED)

secret, aad = bytes(range(32)), "node-1 ä".encode()
crc = google_crc32c.value


def encrypt(**changes):
    return user.encrypt(request={
        "name": key.name, "plaintext": secret, "additional_authenticated_data": aad, "plaintext_crc32c": crc(secret),
        "additional_authenticated_data_crc32c": crc(aad), **changes}, retry=None)


def decrypt(who=user, **changes):
    return who.decrypt(request={
        "name": key.name, "ciphertext": blob, "additional_authenticated_data": aad, "ciphertext_crc32c": crc(blob),
        "additional_authenticated_data_crc32c": crc(aad), **changes}, retry=None)


answer = encrypt()
blob = answer.ciphertext
check("encrypt: version", answer.name == first)
check("encrypt: checksum of the ciphertext", answer.ciphertext_crc32c == crc(blob))
check("encrypt: checksums verified", answer.verified_plaintext_crc32c
      and answer.verified_additional_authenticated_data_crc32c)
check("encrypt: none claimed, none verified",
      not user.encrypt(name=key.name, plaintext=secret).verified_plaintext_crc32c)
answer = decrypt()
check("decrypt", answer.plaintext == secret and answer.plaintext_crc32c == crc(secret) and answer.used_primary)


def refused_request(title, text, call, **changes):
    try:
        call(**changes)
    except exceptions.BadRequest as error:
        check(f"{title}: {text}", text in str(error))
        return
    sys.exit(f"FAILED: {title}: the call succeeded")


refused_request("plaintext's checksum", "did not match", encrypt, plaintext_crc32c=1)
refused_request("data's checksum", "did not match", encrypt, additional_authenticated_data_crc32c=1)
refused_request("ciphertext's checksum", "did not match", decrypt, ciphertext_crc32c=1)
refused_request("other data", "Decryption failed", decrypt, additional_authenticated_data=b"n2",
                additional_authenticated_data_crc32c=crc(b"n2"))
for index in (0, 4, 30, len(blob) - 1):
    damaged = bytearray(blob)
    damaged[index] ^= 1
    refused_request(f"bit of byte {index}", "Decryption failed", decrypt, ciphertext=bytes(damaged),
                    ciphertext_crc32c=crc(bytes(damaged)))
other = admin.create_crypto_key(parent=ring.name, crypto_key_id="other", crypto_key={"purpose": "ENCRYPT_DECRYPT"})
refused_request("other key", "verify that 'name' refers to the correct CryptoKey", decrypt, name=other.name)

second = admin.create_crypto_key_version(parent=key.name, crypto_key_version={})
check("version 2", second.name == f"{key.name}/cryptoKeyVersions/2")
check("primary is still 1", encrypt().name == first)
check("update primary", admin.update_crypto_key_primary_version(
    name=key.name, crypto_key_version_id="2").primary.name == second.name)
check("encrypt with 2", encrypt().name == second.name)
check("decrypt with 1", decrypt().plaintext == secret and not decrypt().used_primary)
check("list versions in pages", [v.name for v in admin.list_crypto_key_versions(
    request={"parent": key.name, "page_size": 1})] == [first, second.name])
check("list keys", [k.name for k in admin.list_crypto_keys(parent=ring.name)] == [key.name, other.name])
check("list rings", [r.name for r in admin.list_key_rings(parent=project)] == [ring.name])
check("get", admin.get_crypto_key(name=key.name).primary.name == second.name
      and admin.get_key_ring(name=ring.name).name == ring.name)

STATE = kms.CryptoKeyVersion.CryptoKeyVersionState


def set_state(name, state):
    return admin.update_crypto_key_version(
        crypto_key_version={"name": name, "state": state}, update_mask={"paths": ["state"]})


check("disable", set_state(first, STATE.DISABLED).state == STATE.DISABLED)
request = {"name": key.name, "ciphertext": blob, "additional_authenticated_data": aad}
error = refused("disabled", exceptions.BadRequest, "is not enabled, current state is: DISABLED",
                user.decrypt, request=request)
check("disabled: violation", violation(error) == ["KEY_DISABLED"])
check("disabled: version", user.get_crypto_key_version(name=first).state == STATE.DISABLED)
check("enable", set_state(first, STATE.ENABLED).state == STATE.ENABLED and decrypt().plaintext == secret)
destroyed = admin.destroy_crypto_key_version(name=first)
check("destroy", destroyed.state == STATE.DESTROY_SCHEDULED and destroyed.destroy_time.timestamp() > time.time())
refused("destroyed", exceptions.BadRequest, "DESTROY_SCHEDULED", user.decrypt, request=request)
refused("destroy twice", exceptions.BadRequest, "cannot be destroyed", admin.destroy_crypto_key_version,
        name=first)
check("restore", admin.restore_crypto_key_version(name=first).state == STATE.DISABLED)
refused("restore twice", exceptions.BadRequest, "cannot be restored", admin.restore_crypto_key_version,
        name=first)
set_state(first, STATE.ENABLED)
check("restored", decrypt().plaintext == secret)

refused("user changes", exceptions.Forbidden, "cloudkms.cryptoKeyVersions.destroy",
        user.destroy_crypto_key_version, name=first)
missing = f"{ring.name}/cryptoKeys/missing"
refused("missing key, user", exceptions.Forbidden, "(or it may not exist)", user.encrypt, name=missing,
        plaintext=b"x")
refused("missing key", exceptions.NotFound, "not found", admin.encrypt, name=missing, plaintext=b"x")
refused("missing version", exceptions.NotFound, "not found", admin.get_crypto_key_version,
        name=f"{key.name}/cryptoKeyVersions/9")
refused("twice", exceptions.Conflict, "already exists", admin.create_key_ring, parent=project, key_ring_id="ring",
        key_ring={})
refused("signing key", exceptions.BadRequest, "ENCRYPT_DECRYPT", admin.create_crypto_key, parent=ring.name,
        crypto_key_id="sign", crypto_key={"purpose": "ASYMMETRIC_SIGN"})

# The token endpoint: what the library asks, and what it is refused.
scoped = service_account.Credentials.from_service_account_file(USER, scopes=SCOPES)
scoped.refresh(google.auth.transport.requests.Request())
check("access token", scoped.token.startswith("ya29.") and scoped.expiry is not None)
bearer = {"Authorization": f"Bearer {scoped.token}"}
check("call with an access token", requests.get(f"{ENDPOINT}/v1/{key.name}", headers=bearer).status_code == 200)
wrong = dict(values(USER), private_key=values(ADMINISTRATOR)["private_key"])
for name, text, info, scopes in (
    ("other key's signature", "Invalid JWT Signature", wrong, SCOPES),
    ("unknown account", "account not found", dict(values(USER), client_email="a@b"), SCOPES),
    ("unknown scope", "invalid_scope", values(USER), ["https://www.googleapis.com/auth/drive"]),
):
    try:
        service_account.Credentials.from_service_account_info(info, scopes=scopes).refresh(
            google.auth.transport.requests.Request())
        sys.exit(f"FAILED: {name}: there is a token")
    except RefreshError as error:
        check(f"{name}: {text}", text in str(error))
signer = google.auth.jwt.Credentials.from_service_account_info(values(USER), audience=values(USER)["token_uri"])._signer
for name, changes in {"expired": {"iat": 1, "exp": 3601}, "too long": {"exp": int(time.time()) + 9999},
                      "other audience": {"aud": "https://example.com/token"}}.items():
    claims = {"iss": values(USER)["client_email"], "aud": values(USER)["token_uri"], "iat": int(time.time()),
              "exp": int(time.time()) + 3600, "scope": SCOPES[0], **changes}
    answer = requests.post(values(USER)["token_uri"], data={
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": google.auth.jwt.encode(signer, claims)})
    check(f"{name}: invalid_grant", answer.status_code == 400 and answer.json()["error"] == "invalid_grant")
for name, headers in {"no token": {}, "garbage": {"Authorization": "Bearer nonsense"}}.items():
    answer = requests.get(f"{ENDPOINT}/v1/{key.name}", headers=headers)
    check(f"{name}: UNAUTHENTICATED", answer.status_code == 401
          and answer.json()["error"]["status"] == "UNAUTHENTICATED")

machine = client(USER, google.auth.compute_engine.Credentials())
check("machine's service account", decrypt(machine).plaintext == secret)

print(f"{PASSED} passed, 0 failed")
