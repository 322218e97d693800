// SPDX-License-Identifier: GPL-3.0-or-later
#include "shim.h"

#include <limits.h>

// Keys with a passphrase are refused instead of asked for at the terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context) {
  (void)buffer, (void)size, (void)writing, (void)context;
  return -1;
}

static EVP_PKEY *read_key(const void *pem, size_t pem_count) {
  if (pem_count > INT_MAX) return NULL;
  BIO *bio = BIO_new_mem_buf(pem, (int)pem_count);
  if (bio == NULL) return NULL;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  if (key != NULL && (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < 2048)) {
    EVP_PKEY_free(key);
    key = NULL;
  }
  return key;
}

size_t kf_rs256_size(const void *pem, size_t pem_count) {
  EVP_PKEY *key = read_key(pem, pem_count);
  size_t size = key != NULL ? (size_t)EVP_PKEY_get_size(key) : 0;
  EVP_PKEY_free(key);
  if (size == 0) ERR_clear_error();
  return size;
}

int kf_rs256_sign(const void *pem, size_t pem_count, const void *message, size_t count, uint8_t *out, size_t size) {
  EVP_PKEY *key = read_key(pem, pem_count);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t written = size;
  int done = key != NULL && context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(context, out, &written, message, count) == 1 && written == size;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);  // wipes the private numbers
  if (!done) ERR_clear_error();
  return done;
}
