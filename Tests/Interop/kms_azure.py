#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's own SDK against a running local KMS: every operation, and the error Key Vault or Entra has for each refusal.

usage: kms_azure.py ENDPOINT CA_PEM ADMINISTRATOR_JSON USER_JSON METADATA_ENDPOINT
"""

import json
import os
import sys

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ENDPOINT, CA, ADMINISTRATOR, USER, METADATA = sys.argv[1:6]
ENDPOINT = ENDPOINT.replace("127.0.0.1", "localhost")
PASSED = 0


def check(name, condition):
    global PASSED
    if not condition:
        sys.exit(f"FAILED: {name}")
    PASSED += 1
    print(f"ok {name}")


def credential(path, **changes):
    with open(path, encoding="utf-8") as file:
        values = {**json.load(file), **changes}
    return ClientSecretCredential(
        values["tenantId"], values["clientId"], values["clientSecret"], authority=ENDPOINT,
        disable_instance_discovery=True, connection_verify=CA, retry_total=0)


def keys(path, **changes):
    return KeyClient(
        ENDPOINT, credential(path, **changes), verify_challenge_resource=False, connection_verify=CA, retry_total=0)


def crypto(path, key):
    return CryptographyClient(
        key, credential(path), verify_challenge_resource=False, connection_verify=CA, retry_total=0)


def refused(name, status, code, inner, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except HttpResponseError as error:
        check(f"{name}: HTTP {status}", error.status_code == status)
        check(f"{name}: {code}", error.error.code == code)
        found = error.error.innererror
        check(f"{name}: {inner}", (found or {}).get("code") == inner)
        return
    sys.exit(f"FAILED: {name}: the call succeeded")


def token_refused(name, number, **changes):
    try:
        credential(ADMINISTRATOR, **changes).get_token("https://vault.azure.net/.default")
    except ClientAuthenticationError as error:
        check(f"{name}: AADSTS{number}", f"AADSTS{number}" in error.message)
        return
    sys.exit(f"FAILED: {name}: there is a token")


admin = keys(ADMINISTRATOR)
key = admin.create_rsa_key("cmk", size=3072, tags={"owner": "shop"})
first = key.properties.version
check("create: id", key.id == f"{ENDPOINT}/keys/cmk/{first}" and len(first) == 32)
check("create: shape", key.key_type == "RSA" and key.properties.enabled and key.properties.tags == {"owner": "shop"})
check("create: recovery", key.properties.recovery_level == "Recoverable+Purgeable")
check("create: dates", key.properties.created_on.year >= 2024 and key.properties.recoverable_days == 90)

secret = bytes(range(32))
public = rsa.RSAPublicNumbers(int.from_bytes(key.key.e, "big"), int.from_bytes(key.key.n, "big")).public_key()
for algorithm, digest in ((KeyWrapAlgorithm.rsa_oaep_256, hashes.SHA256()), (KeyWrapAlgorithm.rsa_oaep, hashes.SHA1())):
    ours = public.encrypt(secret, padding.OAEP(padding.MGF1(digest), digest, None))
    answer = crypto(USER, key.id).unwrap_key(algorithm, ours)
    check(f"unwrap {algorithm} of another library", answer.key == secret and answer.key_id == key.id)
# The user may not change keys, but may wrap; by id the SDK first reads the key.
wrapped = crypto(USER, key.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, secret)
check("wrap", wrapped.key_id == key.id and len(wrapped.encrypted_key) == 384)
check("unwrap", crypto(USER, key.id).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == secret)
encrypted = crypto(ADMINISTRATOR, key.id).encrypt(EncryptionAlgorithm.rsa_oaep_256, b"text")
check("decrypt", crypto(USER, key.id).decrypt(
    EncryptionAlgorithm.rsa_oaep_256, encrypted.ciphertext).plaintext == b"text")
damaged = bytes([wrapped.encrypted_key[0] ^ 1]) + wrapped.encrypted_key[1:]
refused("damaged", 400, "BadParameter", None, crypto(USER, key.id).unwrap_key, KeyWrapAlgorithm.rsa_oaep_256, damaged)
refused("unsupported algorithm", 400, "BadParameter", None, crypto(USER, key.id).unwrap_key,
        KeyWrapAlgorithm.aes_256, wrapped.encrypted_key)
refused("user creates", 403, "Forbidden", "ForbiddenByRbac", keys(USER).create_rsa_key, "other")

second = admin.rotate_key("cmk")
check("rotate: other version", second.properties.version != first)
check("get: current", admin.get_key("cmk").properties.version == second.properties.version)
check("get: old", admin.get_key("cmk", first).key.n == key.key.n)
check("versions", {item.version for item in admin.list_properties_of_key_versions("cmk")}
      == {first, second.properties.version})
check("old version unwraps", crypto(USER, key.id).unwrap_key(
    KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == secret)
refused("other version", 400, "BadParameter", None, crypto(USER, second.id).unwrap_key,
        KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key)

admin.update_key_properties("cmk", first, enabled=False)
check("disabled: described", not admin.get_key("cmk", first).properties.enabled)
unwrapper = crypto(ADMINISTRATOR, key.id)
refused("disabled: unwrap", 403, "Forbidden", "KeyDisabled", unwrapper.unwrap_key,
        KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key)
check("disabled: new version unwraps", crypto(USER, second.id).unwrap_key(
    KeyWrapAlgorithm.rsa_oaep_256,
    crypto(USER, second.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, secret).encrypted_key).key == secret)
admin.update_key_properties("cmk", first, enabled=True)
check("enabled again", crypto(USER, key.id).unwrap_key(
    KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == secret)
admin.update_key_properties("cmk", tags={"a": "b"})
check("update without version", admin.get_key("cmk").properties.tags == {"a": "b"})
limited = admin.create_rsa_key("limited", key_operations=["unwrapKey"])
refused("operation not permitted", 403, "Forbidden", "KeyOperationForbidden", crypto(USER, limited.id).decrypt,
        EncryptionAlgorithm.rsa_oaep_256, bytes(256))

admin.create_rsa_key("many-00")
admin.create_rsa_key("many-01")
check("list", {item.name for item in admin.list_properties_of_keys()} == {"cmk", "limited", "many-00", "many-01"})
check("list in pages of one", len(list(admin.list_properties_of_keys(max_page_size=1))) == 4)

deleted = admin.begin_delete_key("cmk").result()
check("delete", deleted.recovery_id == f"{ENDPOINT}/deletedkeys/cmk" and deleted.scheduled_purge_date is not None)
refused("deleted: get", 404, "KeyNotFound", None, admin.get_key, "cmk")
refused("deleted: unwrap", 404, "KeyNotFound", None, unwrapper.unwrap_key,
        KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key)
refused("deleted: create", 409, "Conflict", "ObjectIsDeletedButRecoverable", admin.create_rsa_key, "cmk")
check("deleted: list", [item.name for item in admin.list_deleted_keys()] == ["cmk"])
admin.begin_recover_deleted_key("cmk").result()
check("recovered", crypto(USER, key.id).unwrap_key(
    KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == secret)
admin.begin_delete_key("many-00").result()
admin.purge_deleted_key("many-00")
refused("purged", 404, "KeyNotFound", None, admin.get_deleted_key, "many-00")

try:
    admin.get_key("missing")
    sys.exit("FAILED: missing key")
except ResourceNotFoundError as error:
    check("missing key", error.error.code == "KeyNotFound")
refused("missing version", 404, "KeyNotFound", None, admin.get_key, "cmk", "0" * 32)
refused("EC key", 400, "BadParameter", None, admin.create_ec_key, "ec")
refused("bad name", 400, "BadParameter", None, admin.get_key, "a_b")
token_refused("wrong secret", 7000215, clientSecret="wrong")
token_refused("unknown client", 700016, clientId="00000000-0000-0000-0000-000000000000")

os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = METADATA
machine = CryptographyClient(
    key, ManagedIdentityCredential(), verify_challenge_resource=False, connection_verify=CA, retry_total=0)
check("managed identity", machine.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == secret)

print(f"{PASSED} passed, 0 failed")
