// SPDX-License-Identifier: GPL-3.0-or-later
#include "rsa.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <limits.h>
#include <string.h>

static int end(int done) {
  if (!done) ERR_clear_error();
  return done;
}

static EVP_PKEY *read_private(const uint8_t *key, size_t count) {
  const unsigned char *at = key;
  return count > LONG_MAX ? NULL : d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)count);
}

int kf_rsa_make(unsigned bits, uint8_t *out, size_t capacity, size_t *count) {
  if (bits < KF_RSA_BITS_MIN || bits > KF_RSA_BITS_MAX) return 0;
  EVP_PKEY *key = EVP_RSA_gen(bits);
  int needed = key ? i2d_PrivateKey(key, NULL) : 0;
  unsigned char *at = out;
  int done = needed > 0 && (size_t)needed <= capacity && i2d_PrivateKey(key, &at) == needed;
  if (done) *count = (size_t)needed;
  EVP_PKEY_free(key);
  return end(done);
}

static int write_number(EVP_PKEY *key, const char *name, uint8_t *out, size_t *count) {
  BIGNUM *number = NULL;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return 0;
  int needed = BN_num_bytes(number);
  int done = needed > 0 && needed <= KF_RSA_PUBLIC_CAPACITY && BN_bn2bin(number, out) == needed;
  if (done) *count = (size_t)needed;
  BN_free(number);
  return done;
}

int kf_rsa_numbers(const uint8_t *key_bytes, size_t key_count, uint8_t *modulus, size_t *modulus_count,
                   uint8_t *exponent, size_t *exponent_count) {
  EVP_PKEY *key = read_private(key_bytes, key_count);
  int done = key && write_number(key, OSSL_PKEY_PARAM_RSA_N, modulus, modulus_count) &&
             write_number(key, OSSL_PKEY_PARAM_RSA_E, exponent, exponent_count);
  EVP_PKEY_free(key);
  return end(done);
}

int kf_rsa_public(const uint8_t *key_bytes, size_t key_count, uint8_t *out, size_t *count) {
  EVP_PKEY *key = read_private(key_bytes, key_count);
  int needed = key ? i2d_PUBKEY(key, NULL) : 0;
  unsigned char *at = out;
  int done = needed > 0 && needed <= KF_RSA_PUBLIC_CAPACITY && i2d_PUBKEY(key, &at) == needed;
  if (done) *count = (size_t)needed;
  EVP_PKEY_free(key);
  return end(done);
}

int kf_rsa_pem(const uint8_t *key_bytes, size_t key_count, uint8_t *out, size_t capacity, size_t *count) {
  EVP_PKEY *key = read_private(key_bytes, key_count);
  BIO *bio = BIO_new(BIO_s_secmem());
  char *bytes = NULL;
  int done = key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
  long length = done ? BIO_get_mem_data(bio, &bytes) : 0;
  done = length > 0 && (size_t)length <= capacity;
  if (done) {
    memcpy(out, bytes, (size_t)length);
    *count = (size_t)length;
  }
  BIO_free(bio);
  EVP_PKEY_free(key);
  return end(done);
}

static EVP_PKEY_CTX *oaep(EVP_PKEY *key, int hash, int decrypts) {
  EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
  const EVP_MD *digest = hash == KF_OAEP_SHA256 ? EVP_sha256() : EVP_sha1();
  int done = context && (decrypts ? EVP_PKEY_decrypt_init(context) : EVP_PKEY_encrypt_init(context)) > 0 &&
             EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
             EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) > 0 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) > 0;
  if (done) return context;
  EVP_PKEY_CTX_free(context);
  return NULL;
}

int kf_rsa_encrypt(const uint8_t *key_bytes, size_t key_count, int hash, const uint8_t *in, size_t in_count,
                   uint8_t *out, size_t *count) {
  EVP_PKEY *key = read_private(key_bytes, key_count);
  EVP_PKEY_CTX *context = oaep(key, hash, 0);
  int done = context && EVP_PKEY_encrypt(context, out, count, in, in_count) == 1;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(key);
  return end(done);
}

int kf_rsa_decrypt(const uint8_t *key_bytes, size_t key_count, int hash, const uint8_t *in, size_t in_count,
                   uint8_t *out, size_t *count) {
  EVP_PKEY *key = read_private(key_bytes, key_count);
  EVP_PKEY_CTX *context = oaep(key, hash, 1);
  int done = context && EVP_PKEY_decrypt(context, out, count, in, in_count) == 1;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(key);
  return end(done);
}

int kf_rsa_verify(const uint8_t *public_key, size_t key_count, const uint8_t *message, size_t message_count,
                  const uint8_t *signature, size_t signature_count) {
  const unsigned char *at = public_key;
  EVP_PKEY *key = key_count > LONG_MAX ? NULL : d2i_PUBKEY(NULL, &at, (long)key_count);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int done = key && context && EVP_PKEY_is_a(key, "RSA") == 1 &&
             EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestVerify(context, signature, signature_count, message, message_count) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return end(done);
}
