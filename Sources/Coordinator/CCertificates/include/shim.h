// SPDX-License-Identifier: GPL-3.0-or-later
// Makes the local KMS's own certificate authority and server certificate. OpenSSL's X.509 API is macros, variadic calls
// and reference-counted pointers; here it is two functions that write PEM.
#pragma once

#include "rsa.h"

#include <stddef.h>

/// Room for one PEM certificate or private key of these functions, in bytes.
enum { KF_PEM_CAPACITY = 4096 };

/// Makes a P-256 key and a self-signed authority certificate named `name`, valid for `days`.
/// Writes both as PEM into buffers of KF_PEM_CAPACITY bytes and their lengths; answers 1, or 0 if OpenSSL failed.
int kf_authority_make(const char *name, long days, char *certificate, size_t *certificate_count, char *key,
                      size_t *key_count);

/// Makes a P-256 key and a server certificate for `names` (as in X509V3_EXT_conf(3): "DNS:a,IP:b"), signed by the given
/// authority.
/// The same buffers and answers; the certificate ends with its authority at the latest.
int kf_certificate_issue(const char *authority, size_t authority_count, const char *authority_key,
                         size_t authority_key_count, const char *names, long days, char *certificate,
                         size_t *certificate_count, char *key, size_t *key_count);
