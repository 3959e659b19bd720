/* Text that several notifiers need. */
#ifndef ALERTS_PAYLOAD_TELL_TEXT_H
#define ALERTS_PAYLOAD_TELL_TEXT_H

#include "alerts/payload/notice.h"
#include "supervisor/base/str.h"

/* "2026-11-23T18:06:22.542Z" (RFC 3339) */
void tell_put_time(struct str *out, wall_t t);
/* Appends text as one line of valid UTF-8: control characters become blanks, bytes that are no
 * UTF-8 "?", and what does not fit into max bytes is cut between characters and ends in "...". */
void tell_put_line(struct str *out, const char *text, size_t max);
/* The same with its line breaks and tabs. */
void tell_put_text(struct str *out, const char *text, size_t max);
/* "firing", "still firing", ...: the state for people. */
const char *tell_word(const struct notice *n);
/* The same for programs, as enum notice_kind calls it: "firing", "update", ... */
const char *tell_kind(const struct notice *n);
/* True if it tells an end. */
bool tell_is_over(const struct notice *n);
/* "RESOLVED page: summary": a line that says all, for titles; at most max bytes. */
void tell_put_headline(struct str *out, const struct notice *n, size_t max);
/* True if text is an http(s) URL that others will take as a link. */
bool tell_is_link(const char *text);
/* The 64-bit FNV-1a hash as 16 hexadecimal digits. */
void tell_put_hash(struct str *out, const char *text);

#endif
