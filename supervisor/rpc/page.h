/* The status page as HTML: what stands on it, from the records of supd. Pure: it knows of no
 * connection. It works without a script, and shows nothing that was not escaped. */
#ifndef RPC_PAGE_H
#define RPC_PAGE_H

#include "supervisor/core/wire.h"

/* What the whole page is about. Strings stay the caller's. */
struct page_head {
    const char *identifier; /* [supervisord] identifier= */
    const char *token;      /* that its forms send back */
    const char *filter;     /* only programs whose name has this; "" or NULL: all */
    const char *notice;     /* what has just been done, or why it was not; NULL: nothing */
};

#define PAGE_STATES 8

/* A page in the making. */
struct page {
    struct str rows;
    unsigned counts[PAGE_STATES]; /* of all, also of those that are not shown */
    size_t shown, hidden;
};

/* Adds the row of one status record. */
void page_row(struct page *p, const struct page_head *h, const struct wire_pair *pairs, size_t n);
/* Appends the whole page; p is empty afterwards. */
void page_finish(struct page *p, const struct page_head *h, struct str *out);
void page_fini(struct page *p);

/* The last bytes of a log. why: why there is nothing to show, or NULL. */
struct page_tail {
    const char *name, *channel; /* "stdout" or "stderr" */
    const char *why;
    const char *text;
    size_t n;
    long limit; /* how many bytes were asked for */
};
void page_tail(const struct page_tail *t, struct str *out);

/* The style sheet of both. */
extern const char page_style[];

#endif
