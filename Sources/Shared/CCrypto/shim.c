// SPDX-License-Identifier: GPL-3.0-or-later
#include "shim.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

// Fetched once: a fetch by name costs more than a small page.
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_CIPHER *gcm, *ecb;
static EVP_MD *sha256;
static atomic_uint forks;

static void on_fork(void) { atomic_fetch_add(&forks, 1); }

static void fetch(void) {
  gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
  sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  pthread_atfork(NULL, NULL, on_fork);
}

EVP_CIPHER_CTX *kf_gcm_new(const uint8_t *key) {
  pthread_once(&fetched, fetch);
  if (gcm == NULL) return NULL;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (context == NULL || EVP_EncryptInit_ex2(context, gcm, key, NULL, NULL) != 1) {
    EVP_CIPHER_CTX_free(context);
    return NULL;
  }
  return context;
}

static int seal(EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *nonce, const void *associated,
                size_t associated_count, const void *plaintext, size_t count, uint8_t *out, uint8_t *tag) {
  int written = 0;
  if (count > INT_MAX || associated_count > INT_MAX) return KF_FAILED;
  if (EVP_EncryptInit_ex2(context, NULL, key, nonce, NULL) != 1) return KF_FAILED;
  if (associated_count > 0 && EVP_EncryptUpdate(context, NULL, &written, associated, (int)associated_count) != 1)
    return KF_FAILED;
  if (count > 0 && (EVP_EncryptUpdate(context, out, &written, plaintext, (int)count) != 1 || written != (int)count))
    return KF_FAILED;
  uint8_t rest[KF_TAG_BYTES];
  if (EVP_EncryptFinal_ex(context, rest, &written) != 1) return KF_FAILED;
  return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KF_TAG_BYTES, tag) == 1 ? KF_DONE : KF_FAILED;
}

static int open_checked(EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *nonce, const void *associated,
                        size_t associated_count, const void *ciphertext, size_t count, const uint8_t *tag,
                        uint8_t *out) {
  int written = 0;
  if (count > INT_MAX || associated_count > INT_MAX) return KF_FAILED;
  if (EVP_DecryptInit_ex2(context, NULL, key, nonce, NULL) != 1) return KF_FAILED;
  if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, KF_TAG_BYTES, (void *)tag) != 1) return KF_FAILED;
  if (associated_count > 0 && EVP_DecryptUpdate(context, NULL, &written, associated, (int)associated_count) != 1)
    return KF_FAILED;
  if (count > 0 && (EVP_DecryptUpdate(context, out, &written, ciphertext, (int)count) != 1 || written != (int)count)) {
    OPENSSL_cleanse(out, count);
    return KF_FAILED;
  }
  uint8_t rest[KF_TAG_BYTES];
  if (EVP_DecryptFinal_ex(context, rest, &written) != 1) {
    // Nobody may see what was decrypted before it was known to be forged.
    if (count > 0) OPENSSL_cleanse(out, count);
    ERR_clear_error();
    return KF_FORGED;
  }
  return KF_DONE;
}

int kf_gcm_seal(EVP_CIPHER_CTX *context, const uint8_t *nonce, const void *associated, size_t associated_count,
                const void *plaintext, size_t count, uint8_t *out, uint8_t *tag) {
  return seal(context, NULL, nonce, associated, associated_count, plaintext, count, out, tag);
}

int kf_gcm_open(EVP_CIPHER_CTX *context, const uint8_t *nonce, const void *associated, size_t associated_count,
                const void *ciphertext, size_t count, const uint8_t *tag, uint8_t *out) {
  return open_checked(context, NULL, nonce, associated, associated_count, ciphertext, count, tag, out);
}

// XAES-256-GCM, C2SP: a key and a nonce for AES-256-GCM are derived from the key and the first half of the nonce with
// CMAC in counter mode (NIST SP 800-108r1, SP 800-38B); the second half is GCM's nonce.

// 64 nonces per draw: one draw costs about as much as sealing 2 KiB, a nonce of its own nothing that can be measured.
enum { NONCES_PER_DRAW = 64 };

struct kf_page_context {
  EVP_CIPHER_CTX *derivation;  // AES-256-ECB under the key
  EVP_CIPHER_CTX *pages;       // AES-256-GCM, a derived key per page
  uint8_t subkey[16];          // K1 of CMAC
  unsigned drawn_after_forks;
  unsigned used;
  uint8_t nonces[NONCES_PER_DRAW * KF_PAGE_NONCE_BYTES];
};

static int expand(kf_page_context *context, const uint8_t *key) {
  uint8_t zero[16] = {0}, block[16];
  int written = 0;
  if (EVP_EncryptInit_ex2(context->derivation, ecb, key, NULL, NULL) != 1) return 0;
  EVP_CIPHER_CTX_set_padding(context->derivation, 0);
  if (EVP_EncryptInit_ex2(context->pages, gcm, NULL, NULL, NULL) != 1) return 0;
  if (EVP_EncryptUpdate(context->derivation, block, &written, zero, 16) != 1 || written != 16) return 0;
  // K1 = L doubled in GF(2^128): shifted by one bit, reduced without a branch on the secret bit.
  for (int i = 0; i < 15; i++) context->subkey[i] = (uint8_t)((block[i] << 1) | (block[i + 1] >> 7));
  context->subkey[15] = (uint8_t)((block[15] << 1) ^ (0x87 & -(block[0] >> 7)));
  OPENSSL_cleanse(block, sizeof block);
  return 1;
}

kf_page_context *kf_page_new(const uint8_t *key) {
  pthread_once(&fetched, fetch);
  if (gcm == NULL || ecb == NULL) return NULL;
  kf_page_context *context = OPENSSL_zalloc(sizeof *context);
  if (context == NULL) return NULL;
  context->used = NONCES_PER_DRAW;
  context->derivation = EVP_CIPHER_CTX_new();
  context->pages = EVP_CIPHER_CTX_new();
  if (context->derivation == NULL || context->pages == NULL || !expand(context, key)) {
    kf_page_free(context);
    return NULL;
  }
  return context;
}

void kf_page_free(kf_page_context *context) {
  if (context == NULL) return;
  EVP_CIPHER_CTX_free(context->derivation);
  EVP_CIPHER_CTX_free(context->pages);
  OPENSSL_clear_free(context, sizeof *context);
}

static int derive(kf_page_context *context, const uint8_t *nonce, uint8_t key[KF_KEY_BYTES]) {
  uint8_t blocks[2 * 16] = {0, 1, 'X', 0};
  blocks[16 + 1] = 2;
  blocks[16 + 2] = 'X';
  memcpy(blocks + 4, nonce, 12);
  memcpy(blocks + 16 + 4, nonce, 12);
  for (int i = 0; i < 16; i++) {
    blocks[i] ^= context->subkey[i];
    blocks[16 + i] ^= context->subkey[i];
  }
  int written = 0;
  int done = EVP_EncryptUpdate(context->derivation, key, &written, blocks, sizeof blocks) == 1;
  OPENSSL_cleanse(blocks, sizeof blocks);
  return done && written == KF_KEY_BYTES;
}

static int draw_nonce(kf_page_context *context, uint8_t *nonce) {
  unsigned now = atomic_load_explicit(&forks, memory_order_relaxed);
  if (context->used >= NONCES_PER_DRAW || context->drawn_after_forks != now) {
    if (RAND_bytes(context->nonces, sizeof context->nonces) != 1) return 0;
    context->used = 0;
    context->drawn_after_forks = now;
  }
  memcpy(nonce, context->nonces + KF_PAGE_NONCE_BYTES * context->used++, KF_PAGE_NONCE_BYTES);
  // A virtual machine copied while it runs goes on with the same drawn nonces; the clock keeps the two apart. Random
  // bits with something added by exclusive or are as random as before.
  struct timespec time;
  if (clock_gettime(CLOCK_REALTIME, &time) == 0) {
    uint64_t ticks = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    for (int i = 0; i < 8; i++) nonce[i] ^= (uint8_t)(ticks >> (8 * i));
  }
  return 1;
}

int kf_page_seal(kf_page_context *context, const uint8_t *nonce, const void *associated, size_t associated_count,
                 const void *plaintext, size_t count, uint8_t *out) {
  uint8_t key[KF_KEY_BYTES];
  if (nonce != NULL) {
    memcpy(out, nonce, KF_PAGE_NONCE_BYTES);
  } else if (!draw_nonce(context, out)) {
    return KF_FAILED;
  }
  uint8_t *body = out + KF_PAGE_NONCE_BYTES;
  int result = derive(context, out, key)
                   ? seal(context->pages, key, out + 12, associated, associated_count, plaintext, count, body,
                          body + count)
                   : KF_FAILED;
  OPENSSL_cleanse(key, sizeof key);
  return result;
}

int kf_page_open(kf_page_context *context, const void *associated, size_t associated_count, const uint8_t *sealed,
                 size_t count, uint8_t *out) {
  uint8_t key[KF_KEY_BYTES];
  if (count < KF_PAGE_NONCE_BYTES + KF_TAG_BYTES) return KF_FORGED;
  size_t body = count - KF_PAGE_NONCE_BYTES - KF_TAG_BYTES;
  int result = derive(context, sealed, key)
                   ? open_checked(context->pages, key, sealed + 12, associated, associated_count,
                                  sealed + KF_PAGE_NONCE_BYTES, body, sealed + KF_PAGE_NONCE_BYTES + body, out)
                   : KF_FAILED;
  OPENSSL_cleanse(key, sizeof key);
  return result;
}

int kf_sha256(const void *bytes, size_t count, uint8_t *out) {
  pthread_once(&fetched, fetch);
  return sha256 != NULL && EVP_Digest(bytes, count, out, NULL, sha256, NULL) == 1;
}
