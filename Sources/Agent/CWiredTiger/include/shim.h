// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <wiredtiger.h>

// What Swift cannot say to WiredTiger by itself: variadic cursor calls, an event handler that knows its owner, and an
// encryptor. Everything else of WiredTiger's API is called from Swift directly.

#pragma clang assume_nonnull begin

/// What the encryptor and the event handler call. WiredTiger calls them from its own threads (eviction, checkpoint,
/// log) as well as from the caller's; each must be safe to call from any thread. They return 0 or an errno value.
typedef struct {
  /// Handed back to `find_key` and `event`; outlives the connection.
  void *context;
  /// Bytes that `seal` adds to every block.
  size_t expansion;
  /// Looks a key id up; `key` receives what `seal` and `open` get. Called once per key id, under a WiredTiger lock.
  int (*find_key)(void *context, const char *key_id, size_t length, void *_Nullable *_Nonnull key);
  int (*seal)(void *key, const uint8_t *source, size_t length, uint8_t *target, size_t capacity, size_t *written);
  int (*open)(void *key, const uint8_t *source, size_t length, uint8_t *target, size_t capacity, size_t *written);
  /// The connection is closed and will not use the key again.
  void (*release_key)(void *key);
  /// A message; `is_error` tells WiredTiger's error channel from its information channel.
  void (*event)(void *context, int is_error, int error, const char *message);
} keyfold_callbacks;

/// The callbacks of one connection; lives from before its opening until after its closing.
typedef struct keyfold_environment keyfold_environment;

keyfold_environment *_Nullable keyfold_environment_create(keyfold_callbacks callbacks);
void keyfold_environment_destroy(keyfold_environment *environment);

/// wiredtiger_open with the environment's event handler. While it runs, the encryptor entry on this thread finds the
/// environment in a thread-local variable: a pointer in the configuration string could be persisted by WiredTiger.
int keyfold_open(
  keyfold_environment *environment, const char *home, const char *configuration,
  WT_CONNECTION *_Nullable *_Nonnull connection);

/// The extension entry WiredTiger finds by name (`extensions=[local={entry=keyfold_encryptor_entry}]`). It must be an
/// exported dynamic symbol of the program; the manifest exports it.
int keyfold_encryptor_entry(WT_CONNECTION *connection, WT_CONFIG_ARG *configuration);

// Cursors of `key_format=u,value_format=u`: set_key, set_value, get_key and get_value are variadic.

int keyfold_cursor_search(WT_CURSOR *cursor, const void *_Nullable key, size_t key_length);
int keyfold_cursor_search_near(WT_CURSOR *cursor, const void *_Nullable key, size_t key_length, int *order);
/// Insert or overwrite, as the cursor was opened.
int keyfold_cursor_insert(
  WT_CURSOR *cursor, const void *_Nullable key, size_t key_length, const void *_Nullable value, size_t value_length);
int keyfold_cursor_key(WT_CURSOR *cursor, const void *_Nullable *_Nonnull data, size_t *length);
int keyfold_cursor_value(WT_CURSOR *cursor, const void *_Nullable *_Nonnull data, size_t *length);
/// The value of one of WiredTiger's WT_STAT_CONN_… numbers, on a `statistics:` cursor.
int keyfold_statistic(WT_CURSOR *cursor, int number, int64_t *value);
/// The key of a row of WiredTiger's `metadata:` cursor, a C string.
int keyfold_cursor_key_string(WT_CURSOR *cursor, const char *_Nullable *_Nonnull key);

/// Names the calling thread, in at most 15 bytes; a GNU extension that Swift's view of the C library leaves out.
void keyfold_name_thread(const char *name);

#pragma clang assume_nonnull end
