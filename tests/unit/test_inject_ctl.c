/* Every allocation and every system call of the control server fails once, in turn: socket,
 * clients, requests, large answers, events, a connection that is handed over, a socket file that
 * somebody removes. Whoever asks gets an answer or loses the connection, never neither; what could
 * not be made says why; the next try works, and nothing is left. SUPD_INJECT=N lets only the Nth
 * fail. */
#include "supervisor/run/ctl_impl.h"
#include "tests/inject/inject.h"
#include "tests/unit/ctl_world.h"

#include <dirent.h>

#define BIG 400000 /* bytes: more than the socket takes at once */
#define TRIES 3

static struct world w;
static struct ctl_client *adopted;
static const char *dir;
static unsigned refused;

/* The server's turn, then ours again. */
static void go(int ms)
{
    enum inject_who was = inject_be(INJECT_SUPD);
    turn(&w, ms);
    inject_be(was);
}

/* What would be waited for is done now: a second without descriptors or memory. */
static void no_patience(void)
{
    if (inject_done() && loop_timer_active(&w.ctl->retry))
        w.ctl->retry.fn(w.ctl->retry.obj);
}

/* The socket, at the second try at the latest. */
static const char *listen_now(void)
{
    for (int i = 0; i < 2; i++) {
        struct err e = {0};
        enum inject_who was = inject_be(INJECT_SUPD);
        int r = ctl_open_path(w.ctl, w.path, (int64_t)getegid(), &e);
        inject_be(was);
        if (r == 0)
            return NULL;
        if (!e.errnum || strlen(e.msg) < 10 || w.ctl->fd >= 0)
            return "it does not say why it cannot listen";
    }
    return "it does not listen";
}

/* Until it has come, or something else that ends the wait. */
static bool wait_for(int fd, const char *what, struct str *got)
{
    for (int i = 0; i < 500; i++) {
        go(i < 20 ? 0 : i < 40 ? 1 : 10);
        str_puts(got, hear(&w, fd));
        if (strstr(str_text(got), what) || strstr(str_text(got), "<closed>") ||
            strstr(str_text(got), " error "))
            break;
        if (i == 10)
            no_patience();
    }
    return strstr(str_text(got), what);
}

/* A client that was greeted, or -1. */
static int join_in(void)
{
    for (int i = 0; i < TRIES; i++) {
        struct err e;
        struct str got = STR_INIT;
        int fd = usock_connect(w.path, &e);
        bool in = fd >= 0 && fd_nonblock(fd, true) == 0 && wait_for(fd, "supd 1 version", &got);
        str_fini(&got);
        if (in)
            return fd;
        refused++;
        fd_close(&fd);
    }
    return -1;
}

/* Asks on a connection of its own until it is answered. */
static const char *get(const char *line, const char *answer)
{
    for (int i = 0; i < TRIES; i++) {
        struct str got = STR_INIT;
        int fd = join_in();
        if (fd < 0)
            return "nobody is let in";
        say(fd, line);
        bool found = wait_for(fd, answer, &got), told = strstr(str_text(&got), " error ");
        bool closed = strstr(str_text(&got), "<closed>");
        str_fini(&got);
        fd_close(&fd);
        if (found)
            return NULL;
        refused++;
        if (!told && !closed)
            return "neither an answer nor an end";
    }
    return "no answer";
}

/* Subscribes, hears two events without a gap or loses the connection. */
static const char *listen_in(void)
{
    for (int i = 0; i < TRIES; i++) {
        struct str got = STR_INIT;
        int fd = join_in();
        if (fd < 0)
            return "no subscriber is let in";
        say(fd, "s sub\n");
        bool in = wait_for(fd, "s ok seq=", &got);
        enum inject_who was = inject_be(INJECT_SUPD);
        for (int k = 0; in && k < 2; k++)
            publish(&w, k ? "second" : "first");
        inject_be(was);
        in = in && wait_for(fd, "name=second", &got);
        bool gap = in && !strstr(str_text(&got), "name=first");
        str_fini(&got);
        fd_close(&fd);
        if (gap)
            return "an event is missing";
        if (in)
            return NULL;
        refused++;
    }
    return "no event";
}

/* Two answers are owed, one of them after the client has gone. */
static const char *ask_later(void)
{
    struct str got = STR_INIT;
    int fd = join_in();
    if (fd < 0)
        return "nobody is let in";
    say(fd, "a defer\nb defer\nc ping\n");
    bool in = wait_for(fd, "c ", &got);
    size_t n = w.nkept;
    enum inject_who was = inject_be(INJECT_SUPD);
    if (n > 0 && w.kept[0]) {
        ctl_ok(w.kept[0]);
        w.kept[0] = NULL;
    }
    inject_be(was);
    in = in && wait_for(fd, "a ", &got);
    str_fini(&got);
    fd_close(&fd);
    for (int i = 0; i < 500 && w.ctl->nclients; i++)
        go(i < 20 ? 0 : 1);
    w.nkept = 0;
    return !in && !inject_done()             ? "no answer later"
           : w.ctl->nclients                 ? "a client that has gone is kept"
           : n == 2 && w.ncancelled + in < 1 ? "nobody is told that the client has gone"
                                             : NULL;
}

static const char *hand_over(void)
{
    for (int i = 0; i < TRIES; i++) {
        struct str got = STR_INIT;
        int fd = join_in();
        if (fd < 0)
            return "nobody is let in";
        fd_close(&w.handed);
        say(fd, "h hand\n");
        for (int k = 0; k < 300 && w.handed < 0 && !strstr(str_text(&got), "h error"); k++) {
            go(k < 20 ? 0 : 1);
            str_puts(&got, hear(&w, fd));
        }
        str_fini(&got);
        fd_close(&fd);
        if (w.handed >= 0)
            return NULL;
        refused++;
    }
    return "it is not handed over";
}

/* Somebody removes the socket: it comes back, at once or when it is looked for. */
static const char *remove_file(void)
{
    unlink(w.path);
    for (int i = 0; i < 300 && access(w.path, F_OK) < 0; i++) {
        go(i < 20 ? 0 : 1);
        if (i > 2 && inject_done()) {
            ctl_check(w.ctl);
            no_patience();
        }
    }
    return access(w.path, F_OK) < 0 ? "the socket does not come back" : NULL;
}

static const char *adopt(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    enum inject_who was = inject_be(INJECT_SUPD);
    adopted = ctl_adopt(w.ctl, ends[0], CTL_AGENT, on_closed, &w);
    inject_be(was);
    struct str got = STR_INIT;
    bool in = adopted && wait_for(ends[1], "supd 1", &got);
    str_fini(&got);
    if (!adopted)
        close(ends[0]);
    close(ends[1]);
    go(0);
    return in || inject_done() ? NULL : "the agent is not greeted";
}

static const char *serve(void)
{
    char big[32];
    snprintf(big, sizeof(big), "g big %d\n", BIG);
    const char *wrong = listen_now();
    wrong = wrong ? wrong : get("p ping a b\n", "p ok n=2");
    wrong = wrong ? wrong : get("e echo x\\ty\\\n z\n", " error BAD_REQUEST");
    wrong = wrong ? wrong : get(big, "x\ng ok");
    wrong = wrong ? wrong : listen_in();
    wrong = wrong ? wrong : ask_later();
    wrong = wrong ? wrong : hand_over();
    wrong = wrong ? wrong : remove_file();
    wrong = wrong ? wrong : adopt();
    wrong = wrong ? wrong : get("p ping\n", "p ok n=0");
    return wrong ? wrong : refused > 2 ? "one fault costs more than two tries" : NULL;
}

static const char *open_all(void)
{
    struct err e = {0};
    memset(&w, 0, sizeof(w));
    w.handed = -1;
    refused = 0;
    snprintf(w.path, sizeof(w.path), "%s/sock", dir);
    inject_be(INJECT_SUPD);
    w.loop = loop_new(&e);
    struct ctl_config config = {.loop = w.loop,
                                .verbs = verbs,
                                .nverbs = sizeof(verbs) / sizeof(verbs[0]),
                                .obj = &w,
                                .version = "9.9"};
    w.ctl = w.loop ? ctl_new(&config, &e) : NULL;
    inject_be(INJECT_NOBODY);
    if (w.loop)
        LOOP_TIMER(&w.stop, w.loop, stop, &w);
    return w.ctl || (e.errnum && strlen(e.msg) > 10) ? NULL
                                                     : "it does not start and says no reason";
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static const char *scene(void *obj)
{
    (void)obj;
    static char text[96];
    int fds = count_fds();
    int64_t live = inject_live();
    const char *wrong = open_all();
    if (w.ctl && !wrong)
        wrong = serve();
    ctl_free(&w.ctl);
    if (!wrong && access(w.path, F_OK) == 0 && !inject_done())
        wrong = "the socket is left";
    unlink(w.path);
    loop_timer_stop(&w.stop);
    loop_free(&w.loop);
    str_fini(&w.in);
    fd_close(&w.handed);
    if (!wrong && inject_live() != live) {
        snprintf(text, sizeof(text), "%lld pieces of memory are left",
                 (long long)(inject_live() - live));
        wrong = text;
    }
    /* libev forgets a timerfd that epoll refused */
    if (!wrong && count_fds() > fds + (strncmp(inject_failed(), "epoll_ctl", 9) == 0))
        wrong = "a descriptor is left";
    return wrong;
}

static void each_call_fails_once(void **state)
{
    (void)state;
    char name[] = "/tmp/inject-ctl-XXXXXX";
    dir = mkdtemp(name);
    assert_non_null(dir);
    inject_be(INJECT_NOBODY);
    unsigned n = inject_walk(&(struct inject_walk){
        .sets = INJECT_MEMORY | INJECT_CALLS | INJECT_WAYS,
        .who = INJECT_SUPD,
        .scene = scene,
        .most = 2000,
    });
    print_message("%u calls, each failed once\n", n);
    rmdir(dir);
    if (!getenv("SUPD_INJECT"))
        assert_in_range(n, 70, 1999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_call_fails_once, quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
