// SPDX-License-Identifier: GPL-3.0-or-later
#include "shim.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

struct source {
  const char *bytes;
  size_t left;
};

static size_t read_message(char *target, size_t size, size_t count, void *context) {
  struct source *source = context;
  size_t room = size * count;
  size_t part = source->left < room ? source->left : room;
  memcpy(target, source->bytes, part);
  source->bytes += part;
  source->left -= part;
  return part;
}

int kf_mail_prepare(void) { return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

/// Every option that decides who is spoken to and how; answers CURLE_OK or the first failure.
static CURLcode configure(CURL *curl, const struct kf_mail *mail, struct curl_slist *recipients,
                          struct source *source, char *reason) {
  CURLcode code = CURLE_OK;
#define SET(option, value) \
  if (code == CURLE_OK) code = curl_easy_setopt(curl, option, value)
  SET(CURLOPT_URL, mail->url);
  SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  // No proxy and no .netrc: nothing but the operator's settings decides where mail goes and as whom.
  SET(CURLOPT_PROXY, "");
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  // TLS or nothing; CURLUSESSL_ALL fails if the server does not offer STARTTLS.
  SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (mail->authority != NULL) {
    struct curl_blob blob = {(void *)mail->authority, mail->authority_count, CURL_BLOB_COPY};
    SET(CURLOPT_CAINFO_BLOB, &blob);
    // Debian's default folder would be trusted besides.
    SET(CURLOPT_CAPATH, NULL);
  }
  if (mail->user != NULL) {
    SET(CURLOPT_USERNAME, mail->user);
    SET(CURLOPT_PASSWORD, mail->password == NULL ? "" : mail->password);
  }
  SET(CURLOPT_MAIL_FROM, mail->from);
  SET(CURLOPT_MAIL_RCPT, recipients);
  SET(CURLOPT_UPLOAD, 1L);
  SET(CURLOPT_READFUNCTION, read_message);
  SET(CURLOPT_READDATA, source);
  SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->message_count);
  // A process with several threads must not get signals for name look-ups.
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_TIMEOUT, mail->timeout_seconds);
  SET(CURLOPT_ERRORBUFFER, reason);
#undef SET
  return code;
}

static int outcome(CURLcode code, long status) {
  switch (code) {
  case CURLE_OK: return KF_MAIL_SENT;
  case CURLE_LOGIN_DENIED: return KF_MAIL_LOGIN;
  case CURLE_USE_SSL_FAILED:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_PEER_FAILED_VERIFICATION: return KF_MAIL_TLS;
  default: return status >= 500 && status < 600 ? KF_MAIL_REFUSED : KF_MAIL_UNREACHABLE;
  }
}

int kf_mail_send(const struct kf_mail *mail, char *error) {
  char reason[CURL_ERROR_SIZE] = "";
  struct source source = {mail->message, mail->message_count};
  struct curl_slist *recipients = curl_slist_append(NULL, mail->recipient);
  CURL *curl = curl_easy_init();
  int result = KF_MAIL_LOCAL;
  error[0] = 0;
  if (curl == NULL || recipients == NULL) {
    snprintf(error, KF_MAIL_ERROR_CAPACITY, "libcurl has no memory");
  } else {
    CURLcode code = configure(curl, mail, recipients, &source, reason);
    if (code != CURLE_OK) {
      snprintf(error, KF_MAIL_ERROR_CAPACITY, "libcurl does not take a setting: %s", curl_easy_strerror(code));
    } else {
      code = curl_easy_perform(curl);
      long status = 0;
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
      result = outcome(code, status);
      if (code != CURLE_OK)
        snprintf(error, KF_MAIL_ERROR_CAPACITY, "%s (the server's last reply was %ld)",
                 reason[0] != 0 ? reason : curl_easy_strerror(code), status);
    }
  }
  curl_slist_free_all(recipients);
  curl_easy_cleanup(curl);
  return result;
}
