/* For the tests of the configuration: loads a text as /t.conf with a small, fixed environment. */
#ifndef TESTS_CONF_TEXT_H
#define TESTS_CONF_TEXT_H

#include "supervisor/base/fd.h"
#include "supervisor/conf/gen.h"
#include "supervisor/conf/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char text_home[] = "HOME=/root", text_path[] = "PATH=/usr/bin:/bin", text_n[] = "N=4";
static char *const text_environ[] = {text_home, text_path, text_n, NULL};

static inline struct conf_request text_request(const char *text, size_t n)
{
    return (struct conf_request){.path = "/t.conf",
                                 .cwd = "/",
                                 .environ = text_environ,
                                 .text = text,
                                 .text_len = n,
                                 .node_name = "node"};
}

static inline struct conf *load_bytes(const char *text, size_t n, bool exact)
{
    struct conf_request rq = text_request(text, n);
    rq.exact = exact;
    return conf_load(&rq);
}

static inline struct conf *load_text(const char *text)
{
    return load_bytes(text, strlen(text), false);
}

/* the message without the folder of its file */
static inline const char *strip_root(const char *message)
{
    return message + (message[0] == '/');
}

/* the generation of a text that has no errors; the caller closes it */
static inline const struct gen *gen_of_request(const struct conf_request *rq)
{
    struct err e = {0};
    struct conf *c = conf_load(rq);
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    int fd = fd_memory("test", true);
    assert_int_equal(conf_write_gen(c, fd, &e), 0);
    const struct gen *g = gen_open(fd, &e);
    if (!g)
        fail_msg("%s", e.msg);
    fd_close(&fd);
    conf_free(&c);
    return g;
}

static inline const struct gen *gen_of(const char *text)
{
    struct conf_request rq = text_request(text, strlen(text));
    return gen_of_request(&rq);
}

#endif
