// SPDX-License-Identifier: GPL-3.0-or-later
#include "shim.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

int kf_pbkdf2_sha256(const void *password, size_t password_count, const uint8_t *salt, size_t salt_count,
                     unsigned iterations, uint8_t *out) {
  EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
  EVP_KDF_CTX *context = EVP_KDF_CTX_new(algorithm);
  EVP_KDF_free(algorithm);
  if (context == NULL) return 0;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)password, password_count),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count),
      OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA2-256", 0),
      OSSL_PARAM_construct_end(),
  };
  int done = EVP_KDF_derive(context, out, 32, parameters) == 1;
  // The context wipes its copy of the password.
  EVP_KDF_CTX_free(context);
  if (!done) ERR_clear_error();
  return done;
}
