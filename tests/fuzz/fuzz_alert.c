/* What people write about alerts, and the records that are read back. The first byte chooses: a
 * template, a silence's matcher, or the content of a journal. */
#include "alerts/rules/silence.h"
#include "alerts/rules/template.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/text.h"
#include "supervisor/io/journal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static const char *const label_texts[] = {"team=db", "tier=1"};
static const struct str_list labels = {(const char **)(uintptr_t)label_texts, 2};

/* what passes the check is filled in; a line is short, valid and one line */
static void template(const char *text)
{
    struct err e;
    struct str line = STR_INIT;
    struct template_facts f = {
        .name = text, .text = text, .has_value = true, .value = 1e300, .labels = &labels};
    if (template_check(text, &labels, &e) == 0)
        must(strlen(text) < 4 || strstr(text, "{{") == NULL || strstr(text, "}}") != NULL);
    template_line(text, &f, SUMMARY_CHARS, &line);
    must(text_utf8_valid(str_text(&line), line.len) == line.len);
    must(line.len <= SUMMARY_CHARS * 4 && !strpbrk(str_text(&line), "\r\n"));
    str_fini(&line);
}

static void matcher(const char *text)
{
    struct err e;
    struct silences s = {0};
    struct str back = STR_INIT;
    struct str_list one = {&text, 1};
    struct silence_request rq = {
        .matchers = &one, .author = text, .reason = "r", .start = {1}, .end = {10}};
    if (silences_add(&s, &rq, (wall_t){1}, &e)) {
        silence_print(&s.list.v[0], &back);
        must(strcmp(str_text(&back), text) == 0);
        silences_match(&s, &labels, (wall_t){5});
    }
    str_fini(&back);
    silences_fini(&s);
}

static void on_loaded(void *obj, const struct store_loaded *r)
{
    for (size_t i = 0; i < r->n; i++)
        must(strlen(r->records[i].table) + strlen(r->records[i].key) + r->records[i].n <
             JOURNAL_SIZE);
    loop_stop(obj);
}

static void journal(const char *p, size_t n)
{
    struct err e;
    struct loop *l = loop_new(&e);
    int fd = fd_memory("fuzz", false);
    must(l && fd >= 0 && ftruncate(fd, JOURNAL_SIZE) == 0);
    /* the header, then the first half: its entries are what the input is about */
    must(pwrite(fd, p, n < 32 ? n : 32, 0) >= 0);
    must(n <= 32 || pwrite(fd, p + 32, n - 32, 4096) >= 0);
    struct store *s = journal_open(l, fd, on_loaded, l, &e);
    must(s != NULL);
    loop_run(l);
    store_close(&s, DUR_S(0));
    loop_free(&l);
    fd_close(&fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    char *text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'j')
        journal(text, size - 1);
    else if (data[0] == 'm')
        matcher(text);
    else
        template(text);
    free(text);
    return 0;
}
