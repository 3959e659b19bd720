/* The value types of the dialect (supervisor-compat, section 4): text to typed values. Every
 * parser returns 0 and the value, or -1 and the reason, which says what would be right. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int val_integer(const char *text, int64_t *out_n, struct err *e);
int val_boolean(const char *text, bool *out_b, struct err *e);
/* "50MB", "2 kb", "1000": bytes */
int val_size(const char *text, int64_t *out_n, struct err *e);
int val_octal(const char *text, int64_t *out_n, struct err *e);
/* "10%" or "10": thousandths (100), 0 to 100 % */
int val_percent(const char *text, int32_t *out_milli, struct err *e);
/* the same in parts of a million: "99.95%" is 999500; more than four decimals are an error */
int val_share(const char *text, int32_t *out_ppm, struct err *e);
/* "1.5": thousandths */
int val_factor(const char *text, int32_t *out_milli, struct err *e);
/* a signal's number or name, as Python's signal module knows them */
int val_signal(const char *text, int *out_sig, struct err *e);
/* 0..255, comma separated, in the order as written; *out_codes in the arena */
int val_exitcodes(struct arena *a, const char *text, int32_t **out_codes, size_t *out_n,
                  struct err *e);
/* one of GEN_RESTART_* */
int val_autorestart(const char *text, uint8_t *out_r, struct err *e);
/* a log level's number */
int val_loglevel(const char *text, int *out_level, struct err *e);
/* "host:9001", ":9001", "*:9001", "9001"; *out_host is "" for all addresses */
int val_inet(struct arena *a, const char *text, const char **out_host, int *out_port,
             struct err *e);
/* the index of text (any case) in words, which ends with NULL */
int val_word(const char *text, const char *const *words, uint8_t *out_i, struct err *e);

/* A name of a process, program or group: stripped, without blank, ':' or '/'. */
int val_name(struct arena *a, const char *text, const char **out_name, struct err *e);

/* A comma separated list: each part stripped, none left out; an empty text gives none. */
struct str_list {
    const char **v;
    size_t n;
};
struct str_list val_list(struct arena *a, const char *text);

/* Prints a size as val_size reads it: "50MB", "1000". */
void val_print_size(struct str *out, int64_t n);

#endif
