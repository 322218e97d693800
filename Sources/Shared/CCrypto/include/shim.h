// SPDX-License-Identifier: GPL-3.0-or-later
// The door to libcrypto: what Swift can't call itself (macros) and the two paths that have to be fast (pages, wraps).
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of an AES-256 key, of XAES-256-GCM's nonce, of GCM's nonce and of GCM's tag.
enum { KF_KEY_BYTES = 32, KF_PAGE_NONCE_BYTES = 24, KF_GCM_NONCE_BYTES = 12, KF_TAG_BYTES = 16 };

/// What the sealing functions answer.
enum { KF_DONE = 1, KF_FAILED = 0, KF_FORGED = -1 };

/// Zeroed memory of the secure heap, NULL if it is used up; OpenSSL offers it as a macro only.
static inline void *kf_secure_allocate(size_t count) { return OPENSSL_secure_zalloc(count); }

/// Wipes and frees memory of the secure heap; a macro in OpenSSL.
static inline void kf_secure_release(void *bytes, size_t count) { OPENSSL_secure_clear_free(bytes, count); }

/// A context for AES-256-GCM under one key, NULL on failure; free with EVP_CIPHER_CTX_free, which wipes it.
EVP_CIPHER_CTX *kf_gcm_new(const uint8_t *key);

/// Encrypts `count` bytes to `out` and writes the tag; in one call because each step has its own failure.
int kf_gcm_seal(EVP_CIPHER_CTX *context, const uint8_t *nonce, const void *associated, size_t associated_count,
                const void *plaintext, size_t count, uint8_t *out, uint8_t *tag);

/// Decrypts `count` bytes to `out`, which is wiped unless the tag fits.
int kf_gcm_open(EVP_CIPHER_CTX *context, const uint8_t *nonce, const void *associated, size_t associated_count,
                const void *ciphertext, size_t count, const uint8_t *tag, uint8_t *out);

/// What XAES-256-GCM needs of one key, expanded once; used by one thread at a time.
typedef struct kf_page_context kf_page_context;

/// Expands `key`; NULL on failure.
kf_page_context *kf_page_new(const uint8_t *key);

/// Wipes and frees every expanded copy in the context.
void kf_page_free(kf_page_context *context);

/// Writes nonce, ciphertext and tag to `out` (`count` + 40 bytes). A NULL nonce means a fresh random one; given ones
/// are for published test vectors only.
int kf_page_seal(kf_page_context *context, const uint8_t *nonce, const void *associated, size_t associated_count,
                 const void *plaintext, size_t count, uint8_t *out);

/// Opens `count` bytes of nonce, ciphertext and tag to `out` (`count` - 40 bytes), which is wiped unless the tag fits.
int kf_page_open(kf_page_context *context, const void *associated, size_t associated_count, const uint8_t *sealed,
                 size_t count, uint8_t *out);

/// SHA-256 (FIPS 180-4): 32 bytes to `out`; 1 if done, else 0.
int kf_sha256(const void *bytes, size_t count, uint8_t *out);

/// PBKDF2 with HMAC-SHA-256 (RFC 8018, section 5.2) through EVP_KDF: 32 bytes to `out`; 1 if done, else 0. Here,
/// because OpenSSL's parameters are an array of structs with pointers.
int kf_pbkdf2_sha256(const void *password, size_t password_count, const uint8_t *salt, size_t salt_count,
                     unsigned iterations, uint8_t *out);

/// The size of a signature by the RSA private key in a PEM text; 0 if it is no RSA key of at least 2048 bits.
size_t kf_rs256_size(const void *pem, size_t pem_count);

/// RS256 (RFC 7518, section 3.3: RSASSA-PKCS1-v1_5 with SHA-256) of a message; 1 if done, else 0. Here, so that the
/// parsed key lives no longer than one call.
int kf_rs256_sign(const void *pem, size_t pem_count, const void *message, size_t count, uint8_t *out, size_t size);
