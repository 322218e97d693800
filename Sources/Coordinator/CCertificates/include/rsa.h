// SPDX-License-Identifier: GPL-3.0-or-later
// RSA as a key vault and a token endpoint need it. OpenSSL's EVP contexts are reference-counted pointers and macros;
// here it is functions over DER.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// The sizes of keys that are made, in bits, and room for the private key of the largest one (RFC 8017, A.1.2), in
/// bytes.
enum { KF_RSA_BITS_MIN = 2048, KF_RSA_BITS_MAX = 4096, KF_RSA_PRIVATE_CAPACITY = 4096, KF_RSA_PUBLIC_CAPACITY = 1024 };

/// The hash of RSA-OAEP (RFC 8017, section 7.1); the mask's is the same.
enum { KF_OAEP_SHA1 = 1, KF_OAEP_SHA256 = 2 };

/// Makes a key of `bits` with exponent 65537; writes its private key as DER. Answers 1, or 0 if OpenSSL failed or there
/// is too little room; so do all functions below.
int kf_rsa_make(unsigned bits, uint8_t *out, size_t capacity, size_t *count);

/// Writes modulus and exponent of a private key, big-endian, into buffers of KF_RSA_PUBLIC_CAPACITY bytes.
int kf_rsa_numbers(const uint8_t *key, size_t key_count, uint8_t *modulus, size_t *modulus_count, uint8_t *exponent,
                   size_t *exponent_count);

/// Writes the public half of a private key (SubjectPublicKeyInfo, RFC 5280, section 4.1) into KF_RSA_PUBLIC_CAPACITY
/// bytes.
int kf_rsa_public(const uint8_t *key, size_t key_count, uint8_t *out, size_t *count);

/// Writes a private key as PEM (PKCS #8), as service account files carry it.
int kf_rsa_pem(const uint8_t *key, size_t key_count, uint8_t *out, size_t capacity, size_t *count);

/// Encrypts with RSA-OAEP; `*count` is the room in `out` before and what was written after.
int kf_rsa_encrypt(const uint8_t *key, size_t key_count, int hash, const uint8_t *in, size_t in_count, uint8_t *out,
                   size_t *count);

/// Decrypts with RSA-OAEP; `*count` is the room in `out` before and what was written after.
int kf_rsa_decrypt(const uint8_t *key, size_t key_count, int hash, const uint8_t *in, size_t in_count, uint8_t *out,
                   size_t *count);

/// Whether `signature` is one of the message by the holder of `public_key` (SubjectPublicKeyInfo) with
/// RSASSA-PKCS1-v1_5 and SHA-256 (RS256, RFC 7518, section 3.3).
int kf_rsa_verify(const uint8_t *public_key, size_t key_count, const uint8_t *message, size_t message_count,
                  const uint8_t *signature, size_t signature_count);
