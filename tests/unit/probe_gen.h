/* The agent's generation of a configuration's text, as supd would pass it. */
#ifndef TESTS_PROBE_GEN_H
#define TESTS_PROBE_GEN_H

#include "supervisor/conf/agentgen.h"
#include "tests/unit/conf_text.h"

/* fails the test if the text has errors; the caller frees it */
static inline struct agentgen *probe_gen(const char *text)
{
    struct err e;
    struct str out = STR_INIT;
    struct str whole = STR_INIT;
    str_puts(&whole, "[supervisord]\n");
    str_puts(&whole, text);
    struct conf *c = load_bytes(str_text(&whole), whole.len, false);
    str_fini(&whole);
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    agentgen_write(c, &out);
    struct agentgen *g = agentgen_read(str_text(&out), out.len, &e);
    if (!g)
        fail_msg("%s", e.msg);
    str_fini(&out);
    conf_free(&c);
    return g;
}

#endif
