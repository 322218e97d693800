// SPDX-License-Identifier: GPL-3.0-or-later
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <wiredtiger_ext.h>

struct keyfold_environment {
  WT_EVENT_HANDLER handler;  // first: the handler's address is the environment's
  keyfold_callbacks callbacks;
};

typedef struct {
  WT_ENCRYPTOR interface;  // first: the interface's address is the encryptor's
  keyfold_environment *environment;
  WT_EXTENSION_API *api;
  void *key;  // NULL in the encryptor that was registered, set in those that customize makes
} keyfold_encryptor;

static _Thread_local keyfold_environment *opening;

// Events. A handler that fails makes WiredTiger's own call fail, so these always return 0.

static int handle_error(WT_EVENT_HANDLER *handler, WT_SESSION *session, int error, const char *message) {
  (void)session;
  keyfold_environment *environment = (keyfold_environment *)handler;
  environment->callbacks.event(environment->callbacks.context, 1, error, message);
  return 0;
}

static int handle_message(WT_EVENT_HANDLER *handler, WT_SESSION *session, const char *message) {
  (void)session;
  keyfold_environment *environment = (keyfold_environment *)handler;
  environment->callbacks.event(environment->callbacks.context, 0, 0, message);
  return 0;
}

static int handle_progress(WT_EVENT_HANDLER *handler, WT_SESSION *session, const char *operation, uint64_t progress) {
  (void)handler, (void)session, (void)operation, (void)progress;
  return 0;
}

keyfold_environment *keyfold_environment_create(keyfold_callbacks callbacks) {
  keyfold_environment *environment = calloc(1, sizeof *environment);
  if (environment == NULL) return NULL;
  environment->handler.handle_error = handle_error;
  environment->handler.handle_message = handle_message;
  environment->handler.handle_progress = handle_progress;
  environment->callbacks = callbacks;
  return environment;
}

void keyfold_environment_destroy(keyfold_environment *environment) { free(environment); }

int keyfold_open(
  keyfold_environment *environment, const char *home, const char *configuration, WT_CONNECTION **connection) {
  opening = environment;
  int result = wiredtiger_open(home, &environment->handler, configuration, connection);
  opening = NULL;
  return result;
}

// The encryptor.

static int encrypt(
  WT_ENCRYPTOR *interface, WT_SESSION *session, uint8_t *source, size_t length, uint8_t *target, size_t capacity,
  size_t *written) {
  (void)session;
  keyfold_encryptor *encryptor = (keyfold_encryptor *)interface;
  if (encryptor->key == NULL) return EINVAL;
  return encryptor->environment->callbacks.seal(encryptor->key, source, length, target, capacity, written);
}

static int decrypt(
  WT_ENCRYPTOR *interface, WT_SESSION *session, uint8_t *source, size_t length, uint8_t *target, size_t capacity,
  size_t *written) {
  (void)session;
  keyfold_encryptor *encryptor = (keyfold_encryptor *)interface;
  if (encryptor->key == NULL) return EINVAL;
  return encryptor->environment->callbacks.open(encryptor->key, source, length, target, capacity, written);
}

static int sizing(WT_ENCRYPTOR *interface, WT_SESSION *session, size_t *expansion) {
  (void)session;
  *expansion = ((keyfold_encryptor *)interface)->environment->callbacks.expansion;
  return 0;
}

static int customize(
  WT_ENCRYPTOR *interface, WT_SESSION *session, WT_CONFIG_ARG *configuration, WT_ENCRYPTOR **customized) {
  keyfold_encryptor *origin = (keyfold_encryptor *)interface;
  WT_CONFIG_ITEM key_id;
  int result = origin->api->config_get(origin->api, session, configuration, "keyid", &key_id);
  if (result != 0) return result;
  if (key_id.len == 0) return EINVAL;
  keyfold_encryptor *encryptor = calloc(1, sizeof *encryptor);
  if (encryptor == NULL) return ENOMEM;
  *encryptor = *origin;
  keyfold_callbacks *callbacks = &origin->environment->callbacks;
  result = callbacks->find_key(callbacks->context, key_id.str, key_id.len, &encryptor->key);
  if (result == 0 && encryptor->key == NULL) result = EINVAL;
  if (result != 0) {
    free(encryptor);
    return result;
  }
  *customized = &encryptor->interface;
  return 0;
}

static int terminate(WT_ENCRYPTOR *interface, WT_SESSION *session) {
  (void)session;
  keyfold_encryptor *encryptor = (keyfold_encryptor *)interface;
  if (encryptor->key != NULL) encryptor->environment->callbacks.release_key(encryptor->key);
  free(encryptor);
  return 0;
}

int keyfold_encryptor_entry(WT_CONNECTION *connection, WT_CONFIG_ARG *configuration) {
  (void)configuration;
  if (opening == NULL) return EINVAL;
  keyfold_encryptor *encryptor = calloc(1, sizeof *encryptor);
  if (encryptor == NULL) return ENOMEM;
  encryptor->interface.encrypt = encrypt;
  encryptor->interface.decrypt = decrypt;
  encryptor->interface.sizing = sizing;
  encryptor->interface.customize = customize;
  encryptor->interface.terminate = terminate;
  encryptor->environment = opening;
  encryptor->api = connection->get_extension_api(connection);
  int result = connection->add_encryptor(connection, "keyfold", &encryptor->interface, NULL);
  if (result != 0) free(encryptor);
  return result;
}

// Cursors.

static WT_ITEM item(const void *data, size_t length) {
  WT_ITEM result = {0};
  result.data = data == NULL ? "" : data;  // an empty array has no address in Swift
  result.size = length;
  return result;
}

int keyfold_cursor_search(WT_CURSOR *cursor, const void *key, size_t key_length) {
  WT_ITEM key_item = item(key, key_length);
  cursor->set_key(cursor, &key_item);
  return cursor->search(cursor);
}

int keyfold_cursor_search_near(WT_CURSOR *cursor, const void *key, size_t key_length, int *order) {
  WT_ITEM key_item = item(key, key_length);
  cursor->set_key(cursor, &key_item);
  return cursor->search_near(cursor, order);
}

int keyfold_cursor_insert(
  WT_CURSOR *cursor, const void *key, size_t key_length, const void *value, size_t value_length) {
  WT_ITEM key_item = item(key, key_length), value_item = item(value, value_length);
  cursor->set_key(cursor, &key_item);
  cursor->set_value(cursor, &value_item);
  return cursor->insert(cursor);
}

int keyfold_cursor_key(WT_CURSOR *cursor, const void **data, size_t *length) {
  WT_ITEM key_item = {0};
  int result = cursor->get_key(cursor, &key_item);
  if (result != 0) return result;
  *data = key_item.data;
  *length = key_item.size;
  return 0;
}

int keyfold_cursor_value(WT_CURSOR *cursor, const void **data, size_t *length) {
  WT_ITEM value_item = {0};
  int result = cursor->get_value(cursor, &value_item);
  if (result != 0) return result;
  *data = value_item.data;
  *length = value_item.size;
  return 0;
}

int keyfold_cursor_key_string(WT_CURSOR *cursor, const char **key) { return cursor->get_key(cursor, key); }

int keyfold_statistic(WT_CURSOR *cursor, int number, int64_t *value) {
  const char *description, *text;
  cursor->set_key(cursor, number);
  int result = cursor->search(cursor);
  return result != 0 ? result : cursor->get_value(cursor, &description, &text, value);
}

void keyfold_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
