// SPDX-License-Identifier: GPL-3.0-or-later
// Hands one mail to an SMTP server through libcurl. curl_easy_setopt is variadic and lists are linked by hand; here it
// is one function that blocks until the server has taken the mail or refused it.
#pragma once

#include <stddef.h>

/// Room for the sentence that says what went wrong, in bytes.
enum { KF_MAIL_ERROR_CAPACITY = 512 };

/// How a delivery ended.
enum {
  KF_MAIL_SENT = 0,
  /// The server could not be reached, or broke off, or asked to come back later (4xx).
  KF_MAIL_UNREACHABLE = 1,
  /// The server's certificate or its TLS was not acceptable, or it has none.
  KF_MAIL_TLS = 2,
  /// The server did not take user and password.
  KF_MAIL_LOGIN = 3,
  /// The server refused the sender, the recipient or the mail (5xx).
  KF_MAIL_REFUSED = 4,
  /// libcurl could not be set up.
  KF_MAIL_LOCAL = 5,
};

/// One mail for one recipient; texts end with NUL.
struct kf_mail {
  /// smtp://HOST:PORT, which becomes TLS by STARTTLS or fails, or smtps://HOST:PORT.
  const char *url;
  /// The envelope's addresses in angle brackets.
  const char *from;
  const char *recipient;
  /// NULL for none.
  const char *user;
  const char *password;
  /// PEM certificates to trust instead of the system's; NULL for the system's.
  const char *authority;
  size_t authority_count;
  /// The whole mail, header and body, with CRLF line ends.
  const char *message;
  size_t message_count;
  long timeout_seconds;
};

/// Sets libcurl up; answers 1, or 0 if that failed. Call once, before anything else.
int kf_mail_prepare(void);

/// Delivers; writes a sentence without any secret into `error` (KF_MAIL_ERROR_CAPACITY bytes) if it failed.
int kf_mail_send(const struct kf_mail *mail, char *error);
