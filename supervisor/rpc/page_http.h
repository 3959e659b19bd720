/* What the handlers of the status page share. */
#ifndef RPC_PAGE_HTTP_H
#define RPC_PAGE_HTTP_H

#include "supervisor/rpc/page_state.h"
#include "supervisor/rpc/route.h"

/* Answers with the page; notice: what it says first, or NULL. */
void page_serve(struct site *s, struct http_in_call *c, int status, const char *filter,
                const char *notice);
/* What every answer of the page is sent with. */
void page_headers(struct http_in_call *c);

#endif
