/* JSON that several notifiers send, and how they read JSON that comes back. */
#ifndef ALERTS_PAYLOAD_TELL_JSON_H
#define ALERTS_PAYLOAD_TELL_JSON_H

#include "alerts/payload/notice.h"
#include "supervisor/base/str.h"

#include <jansson.h>

/* A string of at most max bytes, as tell_put_text makes it; never NULL. */
json_t *tell_json_text(const char *text, size_t max);
/* A time, as tell_put_time writes it. */
json_t *tell_json_time(wall_t t);
/* Sets a member only where there is something to say. */
void tell_json_set(json_t *object, const char *name, const char *text);
/* The notice with all its members: what commands get, and receivers of webhooks beside the rest. */
json_t *tell_json_notice(const struct notice *n);
/* Writes and frees j: compact, members in the order in which they were set. */
void tell_json_put(struct str *out, json_t *j);
/* An object of at most n bytes, or NULL; the caller frees it. */
json_t *tell_json_read(const char *text, size_t n);

#endif
