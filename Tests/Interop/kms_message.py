#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""libkms_message, the requests MongoDB's own clients make, against a running local KMS in its three dialects.

The library builds and signs each request; this script only carries the bytes over TLS.

usage: kms_message.py ENDPOINT CA_PEM CREDENTIALS_JSON AZURE_JSON GOOGLE_JSON KEYS_JSON
Exits 3 if the library (Debian's libmongocrypt-dev) is not there.
"""

import base64
import ctypes
import http.client
import io
import json
import socket
import ssl
import sys
import urllib.parse

try:
    LIBRARY = ctypes.CDLL("libkms_message.so.0")
except OSError as error:
    print(f"kms_message: {error}; install libmongocrypt-dev", file=sys.stderr)
    sys.exit(3)

ENDPOINT, CA = sys.argv[1:3]
AWS, AZURE, GOOGLE, KEYS = (json.load(open(path, encoding="utf-8")) for path in sys.argv[3:7])
ADDRESS = urllib.parse.urlsplit(ENDPOINT)
PASSED = 0
PROVIDERS = {"aws": 0, "azure": 1, "google": 2}


def function(name, result, *arguments):
    found = getattr(LIBRARY, name)
    found.restype, found.argtypes = result, list(arguments)
    return found


TEXT, SIZE, HANDLE = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p
option_new = function("kms_request_opt_new", HANDLE)
option_provider = function("kms_request_opt_set_provider", ctypes.c_bool, HANDLE, ctypes.c_int)
option_close = function("kms_request_opt_set_connection_close", None, HANDLE, ctypes.c_bool)
aws_encrypt = function("kms_encrypt_request_new", HANDLE, TEXT, SIZE, TEXT, HANDLE)
aws_decrypt = function("kms_decrypt_request_new", HANDLE, TEXT, SIZE, HANDLE)
azure_token = function("kms_azure_request_oauth_new", HANDLE, TEXT, TEXT, TEXT, TEXT, TEXT, HANDLE)
azure_wrap = function("kms_azure_request_wrapkey_new", HANDLE, TEXT, TEXT, TEXT, TEXT, TEXT, SIZE, HANDLE)
azure_unwrap = function("kms_azure_request_unwrapkey_new", HANDLE, TEXT, TEXT, TEXT, TEXT, TEXT, SIZE, HANDLE)
google_token = function("kms_gcp_request_oauth_new", HANDLE, TEXT, TEXT, TEXT, TEXT, TEXT, SIZE, HANDLE)
google_encrypt = function(
    "kms_gcp_request_encrypt_new", HANDLE, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, SIZE, HANDLE)
google_decrypt = function(
    "kms_gcp_request_decrypt_new", HANDLE, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, SIZE, HANDLE)
request_error = function("kms_request_get_error", TEXT, HANDLE)
request_text = function("kms_request_to_string", ctypes.c_char_p, HANDLE)
request_signed = function("kms_request_get_signed", ctypes.c_char_p, HANDLE)
setters = {
    name: function(f"kms_request_set_{name}", ctypes.c_bool, HANDLE, TEXT)
    for name in ("region", "service", "access_key_id", "secret_key")
}


def check(name, condition):
    global PASSED
    if not condition:
        sys.exit(f"FAILED: {name}")
    PASSED += 1
    print(f"ok {name}")


def options(provider):
    option = option_new()
    if not option_provider(option, PROVIDERS[provider]):
        sys.exit(f"FAILED: the library does not know {provider}")
    option_close(option, True)
    return option


def send(text):
    """Sends a whole request; answers status and JSON."""
    context = ssl.create_default_context(cafile=CA)
    with socket.create_connection((ADDRESS.hostname, ADDRESS.port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(text)
            received = b""
            while part := stream.recv(65536):
                received += part
    answer = http.client.HTTPResponse(type("Sock", (), {"makefile": lambda self, *_: io.BytesIO(received)})())
    answer.begin()
    return answer.status, json.loads(answer.read())


def perform(request, signed=False):
    text = request_signed(request) if signed else request_text(request)
    if text is None:
        sys.exit(f"FAILED: the library makes no request: {request_error(request)}")
    return send(text)


def sign(request, secret):
    for name, value in {"region": KEYS["region"], "service": "kms", "access_key_id": AWS["accessKeyId"],
                        "secret_key": secret}.items():
        setters[name](request, value.encode())
    return perform(request, signed=True)


secret = bytes(range(96))

status, answer = sign(aws_encrypt(secret, len(secret), KEYS["aws"].encode(), options("aws")), AWS["secretAccessKey"])
check("AWS: encrypt", status == 200 and answer["KeyId"] == KEYS["aws"])
blob = base64.b64decode(answer["CiphertextBlob"])
status, answer = sign(aws_decrypt(blob, len(blob), options("aws")), AWS["secretAccessKey"])
check("AWS: decrypt", status == 200 and base64.b64decode(answer["Plaintext"]) == secret)
status, answer = sign(aws_decrypt(blob, len(blob), options("aws")), "wrong")
check("AWS: wrong secret", status == 400 and answer["__type"] == "InvalidSignatureException")

status, answer = perform(azure_token(
    b"localhost", b"https%3A%2F%2Fvault.azure.net%2F.default", AZURE["tenantId"].encode(), AZURE["clientId"].encode(),
    AZURE["clientSecret"].encode(), options("azure")))
check("Azure: token", status == 200 and answer["token_type"] == "Bearer")
token = answer["access_token"].encode()
name, version = (part.encode() for part in KEYS["azure"].split("/keys/")[1].split("/"))
status, answer = perform(
    azure_wrap(b"localhost", token, name, version, secret, len(secret), options("azure")))
check("Azure: wrap", status == 200 and answer["kid"] == f"https://localhost/keys/{name.decode()}/{version.decode()}")
wrapped = base64.urlsafe_b64decode(answer["value"] + "==")
status, answer = perform(
    azure_unwrap(b"localhost", token, name, version, wrapped, len(wrapped), options("azure")))
check("Azure: unwrap", status == 200 and base64.urlsafe_b64decode(answer["value"] + "==") == secret)
status, answer = perform(azure_unwrap(b"localhost", b"x", name, version, wrapped, len(wrapped), options("azure")))
check("Azure: other token", status == 401 and answer["error"]["code"] == "Unauthorized")

key = base64.b64decode("".join(GOOGLE["private_key"].strip().splitlines()[1:-1]))
status, answer = perform(google_token(
    b"localhost", GOOGLE["client_email"].encode(), b"https://oauth2.googleapis.com/token",
    b"https://www.googleapis.com/auth/cloudkms", key, len(key), options("google")))
check("Google: token", status == 200 and answer["token_type"] == "Bearer")
token = answer["access_token"].encode()
path = [part.encode() for part in KEYS["google"].split("/")[1::2]][:4]
status, answer = perform(
    google_encrypt(b"localhost", token, *path, None, secret, len(secret), options("google")))
check("Google: encrypt", status == 200 and answer["name"] == KEYS["google"])
blob = base64.b64decode(answer["ciphertext"])
status, answer = perform(google_decrypt(b"localhost", token, *path, blob, len(blob), options("google")))
check("Google: decrypt", status == 200 and base64.b64decode(answer["plaintext"]) == secret)
status, answer = perform(google_decrypt(b"localhost", b"x", *path, blob, len(blob), options("google")))
check("Google: other token", status == 401 and answer["error"]["status"] == "UNAUTHENTICATED")

print(f"{PASSED} passed, 0 failed")
