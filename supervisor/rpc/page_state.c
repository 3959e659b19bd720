/* Tokens and messages of the status page. */
#include "supervisor/rpc/page_state.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/rng.h"
#include "supervisor/io/hmac.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 32u

struct page_state {
    uint64_t key[4];
    struct {
        char id[PAGE_ID];
        char *text;
    } messages[MESSAGES];
    unsigned next;
};

struct page_state *page_state_new(void)
{
    struct page_state *s = mem_zalloc(sizeof(*s));
    for (size_t i = 0; i < 4; i++)
        s->key[i] = rng_entropy();
    return s;
}

void page_state_free(struct page_state **sp)
{
    struct page_state *s = *sp;
    *sp = NULL;
    for (unsigned i = 0; s && i < MESSAGES; i++)
        free(s->messages[i].text);
    free(s);
}

/* With its NUL, so that two texts do not run into each other. */
static struct hmac_part part(const char *text)
{
    text = text ? text : "";
    return (struct hmac_part){text, strlen(text) + 1};
}

bool page_token(const struct page_state *s, const struct agent_http *server, char out[PAGE_TOKEN])
{
    uint8_t code[HMAC_BYTES];
    const struct hmac_part parts[] = {part(server->key), part(server->username),
                                      part(server->password)};
    if (!hmac_sha256(s->key, sizeof(s->key), parts, sizeof(parts) / sizeof(parts[0]), code))
        return false;
    for (size_t i = 0; i < (PAGE_TOKEN - 1) / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", code[i]);
    return true;
}

bool page_token_fits(const struct page_state *s, const struct agent_http *server, const char *token)
{
    char want[PAGE_TOKEN];
    unsigned char differs = 0;
    if (!page_token(s, server, want) || strlen(token) != PAGE_TOKEN - 1)
        return false;
    for (size_t i = 0; i < PAGE_TOKEN - 1; i++)
        differs |= (unsigned char)(want[i] ^ token[i]);
    return differs == 0;
}

void page_keep(struct page_state *s, const char *text, char out_id[PAGE_ID])
{
    unsigned i = s->next++ % MESSAGES;
    free(s->messages[i].text);
    s->messages[i].text = mem_strdup(text);
    snprintf(s->messages[i].id, PAGE_ID, "%016" PRIx64, rng_entropy());
    memcpy(out_id, s->messages[i].id, PAGE_ID);
}

const char *page_kept(const struct page_state *s, const char *id)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        if (s->messages[i].text && strcmp(s->messages[i].id, id) == 0)
            return s->messages[i].text;
    return NULL;
}
