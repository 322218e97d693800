// SPDX-License-Identifier: GPL-3.0-or-later
#include "shim.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

/// A certificate begins a day early, so that a client whose clock is behind accepts a fresh one.
static const long early = -24L * 60 * 60;

/// A positive random serial number of 127 bits (RFC 5280, section 4.1.2.2).
static int set_serial(X509 *certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return 0;
  bytes[0] = (bytes[0] & 0x7F) | 0x40;
  BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
  int done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
  BN_free(number);
  return done;
}

static int set_name(X509_NAME *name, const char *text) {
  return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Keyfold", -1, -1, 0) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  int done = extension && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return done;
}

/// A certificate of `key` with name, serial number and validity, without extensions and signature.
static X509 *begin(EVP_PKEY *key, const char *name, long days) {
  X509 *certificate = X509_new();
  if (certificate && X509_set_version(certificate, 2) && set_serial(certificate) &&
      X509_gmtime_adj(X509_getm_notBefore(certificate), early) &&
      X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) && X509_set_pubkey(certificate, key) &&
      set_name(X509_get_subject_name(certificate), name)) {
    return certificate;
  }
  X509_free(certificate);
  return NULL;
}

/// Moves what was written to a memory BIO into a buffer of KF_PEM_CAPACITY bytes.
static int take(BIO *bio, char *out, size_t *count) {
  char *bytes = NULL;
  long length = BIO_get_mem_data(bio, &bytes);
  if (length <= 0 || length > KF_PEM_CAPACITY) return 0;
  memcpy(out, bytes, (size_t)length);
  *count = (size_t)length;
  return 1;
}

/// Writes a certificate and its key as PEM; the key passes through memory that is wiped.
static int write_pair(X509 *certificate, EVP_PKEY *key, char *certificate_out, size_t *certificate_count, char *key_out,
                      size_t *key_count) {
  BIO *public_bio = BIO_new(BIO_s_mem()), *secret_bio = BIO_new(BIO_s_secmem());
  int done = public_bio && secret_bio && PEM_write_bio_X509(public_bio, certificate) &&
             PEM_write_bio_PrivateKey(secret_bio, key, NULL, NULL, 0, NULL, NULL) &&
             take(public_bio, certificate_out, certificate_count) && take(secret_bio, key_out, key_count);
  BIO_free(public_bio);
  BIO_free(secret_bio);
  return done;
}

int kf_authority_make(const char *name, long days, char *certificate_out, size_t *certificate_count, char *key_out,
                      size_t *key_count) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = key ? begin(key, name, days) : NULL;
  int done = certificate && X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) &&
             add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
             add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
             add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
             add_extension(certificate, certificate, NID_authority_key_identifier, "keyid:always") &&
             X509_sign(certificate, key, EVP_sha256()) > 0 &&
             write_pair(certificate, key, certificate_out, certificate_count, key_out, key_count);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!done) ERR_clear_error();
  return done;
}

int kf_certificate_issue(const char *authority_pem, size_t authority_count, const char *authority_key_pem,
                         size_t authority_key_count, const char *names, long days, char *certificate_out,
                         size_t *certificate_count, char *key_out, size_t *key_count) {
  BIO *authority_bio = BIO_new_mem_buf(authority_pem, (int)authority_count);
  BIO *key_bio = BIO_new_mem_buf(authority_key_pem, (int)authority_key_count);
  X509 *authority = authority_bio ? PEM_read_bio_X509(authority_bio, NULL, NULL, NULL) : NULL;
  EVP_PKEY *authority_key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, (void *)"") : NULL;
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = key ? begin(key, "localhost", days) : NULL;
  int done = authority && authority_key && certificate && X509_check_private_key(authority, authority_key) == 1 &&
             X509_set_issuer_name(certificate, X509_get_subject_name(authority));
  if (done && ASN1_TIME_compare(X509_get0_notAfter(authority), X509_get0_notAfter(certificate)) < 0) {
    done = X509_set1_notAfter(certificate, X509_get0_notAfter(authority));
  }
  done = done && add_extension(certificate, authority, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, authority, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, authority, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, authority, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, authority, NID_authority_key_identifier, "keyid:always") &&
         add_extension(certificate, authority, NID_subject_alt_name, names) &&
         X509_sign(certificate, authority_key, EVP_sha256()) > 0 &&
         write_pair(certificate, key, certificate_out, certificate_count, key_out, key_count);
  X509_free(certificate);
  X509_free(authority);
  EVP_PKEY_free(key);
  EVP_PKEY_free(authority_key);
  BIO_free(authority_bio);
  BIO_free(key_bio);
  if (!done) ERR_clear_error();
  return done;
}
