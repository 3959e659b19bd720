/* The resolver against a DNS server on loopback that answers, refuses, or is dead. */
#include "tests/unit/dns_peer.h"

#include "supervisor/io/resolve.h"

struct world {
    struct loop *loop;
    struct resolve *r;
    struct dns_peer dns;
    struct resolve_result last;
    unsigned answers, wanted;
};

static void on_done(void *obj, const struct resolve_result *r)
{
    struct world *w = obj;
    w->last = *r;
    if (++w->answers == w->wanted)
        loop_stop(w->loop);
}

static struct resolve_query *ask(struct world *w, const char *name, int family, int ms)
{
    loop_refresh(w->loop);
    struct resolve_request rq = {.name = name,
                                 .family = family,
                                 .port = 80,
                                 .deadline = mono_add(loop_now(w->loop), DUR_MS(ms)),
                                 .done = on_done,
                                 .obj = w};
    return resolve_start(w->r, &rq);
}

static const struct resolve_result *get(struct world *w, const char *name, int family)
{
    w->wanted = w->answers + 1;
    ask(w, name, family, 3000);
    loop_run(w->loop);
    return &w->last;
}

static const char *text(const struct resolve_result *r, char *buf, size_t size)
{
    return r->naddrs ? netaddr_text(&r->addrs[0], buf, size) : "none";
}

static void addresses_are_their_own_answers(void **state)
{
    struct world *w = *state;
    char buf[NETADDR_TEXT];
    assert_string_equal(text(get(w, "192.0.2.7", 0), buf, sizeof(buf)), "192.0.2.7:80");
    assert_string_equal(text(get(w, "::1", 6), buf, sizeof(buf)), "[::1]:80");
    assert_string_equal(text(get(w, "[2001:db8::1]", 0), buf, sizeof(buf)), "[2001:db8::1]:80");
    assert_int_equal(get(w, "::1", 4)->status, RESOLVE_NOT_FOUND);
    assert_int_equal(get(w, "", 0)->status, RESOLVE_NOT_FOUND);
    assert_int_equal(resolve_asked(w->r), 0);
}

static void the_hosts_file_is_read(void **state)
{
    struct world *w = *state;
    char buf[NETADDR_TEXT];
    assert_string_equal(text(get(w, "localhost", 4), buf, sizeof(buf)), "127.0.0.1:80");
    assert_int_equal(w->dns.asked, 0);
}

static void an_answer_is_kept_for_its_ttl(void **state)
{
    struct world *w = *state;
    char buf[NETADDR_TEXT];
    const struct resolve_result *r = get(w, "api.example", 4);
    assert_string_equal(text(r, buf, sizeof(buf)), "127.0.0.1:80");
    assert_false(r->cached);
    r = get(w, "api.example", 4);
    assert_true(r->cached);
    assert_string_equal(text(r, buf, sizeof(buf)), "127.0.0.1:80");
    assert_int_equal(w->dns.asked, 1);
    assert_int_equal(resolve_asked(w->r), 1);
    assert_int_equal(get(w, "api.example", 0)->status, RESOLVE_OK); /* its AAAA is empty */
}

static void one_question_serves_all(void **state)
{
    struct world *w = *state;
    w->wanted = 100;
    for (int i = 0; i < 100; i++)
        ask(w, "many.example", 4, 3000);
    assert_int_equal(w->answers, 0); /* never from inside */
    loop_run(w->loop);
    assert_int_equal(w->dns.asked, 1);
}

static void errors_have_names(void **state)
{
    struct world *w = *state;
    w->dns.rcode = 3;
    const struct resolve_result *r = get(w, "gone.example", 4);
    assert_int_equal(r->status, RESOLVE_NOT_FOUND);
    assert_string_equal(r->text, "cannot resolve gone.example: no such name");
    w->dns.rcode = 2;
    r = get(w, "sick.example", 4);
    assert_int_equal(r->status, RESOLVE_FAILED);
    w->dns.rcode = 0; /* what failed is not kept */
    assert_int_equal(get(w, "gone.example", 4)->status, RESOLVE_OK);
}

static void a_dead_server_costs_the_deadline(void **state)
{
    struct world *w = *state;
    w->dns.silent = true;
    mono_t begin = mono_now();
    w->wanted = 2;
    ask(w, "dead.example", 4, 100);
    ask(w, "localhost", 4, 100);
    loop_run(w->loop);
    assert_int_equal(w->last.status, RESOLVE_TIMEOUT);
    assert_non_null(strstr(w->last.text, "cannot resolve dead.example: no answer"));
    assert_in_range(mono_sub(mono_now(), begin).ns, 95000000, 600000000);
}

static void a_cancelled_question_says_nothing(void **state)
{
    struct world *w = *state;
    w->dns.silent = true;
    struct resolve_query *a = ask(w, "dead.example", 4, 50);
    struct resolve_query *b = ask(w, "localhost", 4, 50);
    resolve_cancel(&a);
    resolve_cancel(&b);
    ask(w, "left.example", 4, 60000); /* freed with the resolver */
    assert_int_equal(get(w, "192.0.2.1", 0)->status, RESOLVE_OK);
    assert_int_equal(w->answers, 1);
}

static void the_cache_is_bounded(void **state)
{
    struct world *w = *state;
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        if (i % 100 == 0)
            get(w, name, 4);
        else
            ask(w, name, 4, 60000);
    }
    assert_int_equal(get(w, "n1.example", 4)->status, RESOLVE_OK);
}

static int before(void **state)
{
    struct err e;
    struct world *w = *state = calloc(1, sizeof(*w));
    w->loop = loop_new(&e);
    dns_peer_start(&w->dns, w->loop);
    w->r = resolve_new(w->loop, w->dns.servers, &e);
    assert_non_null(w->r);
    return 0;
}

static int after(void **state)
{
    struct world *w = *state;
    resolve_free(&w->r);
    dns_peer_stop(&w->dns);
    loop_free(&w->loop);
    free(w);
    return 0;
}

#define W(fn) cmocka_unit_test_setup_teardown(fn, before, after)
RUN(W(addresses_are_their_own_answers), W(the_hosts_file_is_read), W(an_answer_is_kept_for_its_ttl),
    W(one_question_serves_all), W(errors_have_names), W(a_dead_server_costs_the_deadline),
    W(a_cancelled_question_says_nothing), W(the_cache_is_bounded))
