/* What the status page keeps between two requests: the key of its tokens, and the last messages. */
#ifndef RPC_PAGE_STATE_H
#define RPC_PAGE_STATE_H

#include "supervisor/conf/agentgen.h"

#include <stdbool.h>

struct page_state;

#define PAGE_TOKEN 33 /* with its NUL */
#define PAGE_ID 17

/* A key of its own, from the kernel: the tokens of an earlier agent are worth nothing. */
struct page_state *page_state_new(void);
void page_state_free(struct page_state **s);

/* What a form of this server's page sends back: it depends on the key and on the server's
 * credentials. False: it cannot be made; then nothing is accepted either. */
bool page_token(const struct page_state *s, const struct agent_http *server, char out[PAGE_TOKEN]);
/* Whether that is it, in a time that does not tell how much of it is right. */
bool page_token_fits(const struct page_state *s, const struct agent_http *server,
                     const char *token);

/* Keeps a message until others have come; out_id names it, which nobody can guess. What a link says
 * is never shown: only what was kept here. */
void page_keep(struct page_state *s, const char *text, char out_id[PAGE_ID]);
/* NULL: it is forgotten, or never was. */
const char *page_kept(const struct page_state *s, const char *id);

#endif
