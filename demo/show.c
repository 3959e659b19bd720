/* `show SUPCTL FOLDER [--once]`: shows what supd does with the demo's programs until Ctrl-C, or,
 * with
 * --once, until everything was seen. SUPD_SOCKET says where supd is. */
#include "demo/facts.h"
#include "demo/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 500
#define START_LIMIT DUR_S(10) /* supd has to answer by then */
#define ONCE_LIMIT_S 45       /* everything has to be seen by then */

static volatile sig_atomic_t told_to_end;

static void on_signal(int sig)
{
    told_to_end = sig;
}

static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sigaction(all[i], &sa, NULL);
}

/* the status of the demo, after the reason why it failed */
static int fail(struct screen *s, const char *why)
{
    screen_close(s);
    dprintf(2, "\ndemo: %s\n", why);
    return 1;
}

static int fail_unseen(struct screen *s, const struct facts *f)
{
    struct str text = STR_INIT;
    str_printf(&text, "not seen within %d s:", ONCE_LIMIT_S);
    for (enum seen i = 0; i < SEEN_ALL; i++)
        if (!f->seen[i])
            str_printf(&text, " [%s]", facts_seen_text(i));
    int status = fail(s, str_text(&text));
    str_fini(&text);
    return status;
}

static bool wait_for_supd(struct facts *f, const struct screen *s)
{
    mono_t end = mono_add(s->begun, START_LIMIT);
    const char *socket = getenv("SUPD_SOCKET");
    while (!told_to_end && !mono_reached(end, mono_now())) {
        if (access(socket ? socket : "", F_OK) == 0 && facts_status(f))
            return facts_listen(f) == 0;
        poll(NULL, 0, 50);
    }
    return false;
}

/* events until the tick is over; false if there will be no more */
static bool wait_tick(struct facts *f, mono_t end)
{
    for (;;) {
        int64_t left = mono_sub(end, mono_now()).ns / 1000000;
        struct pollfd p = {.fd = f->events_fd, .events = POLLIN};
        if (left <= 0 || told_to_end)
            return true;
        if (poll(&p, 1, (int)left) > 0 && !facts_events(f))
            return false;
    }
}

static int end_well(struct screen *s, const struct facts *f, bool once)
{
    screen_show(s, f);
    screen_close(s);
    if (once)
        dprintf(1,
                "\nseen: the status table, a crashed worker started again, the retry limit, "
                "%.0f jobs/s;\nthe alerts of the error rate (fired, resolved), of the website's "
                "probe and of the certificate\n\n./dev demo without --once goes on, and names what "
                "to try in another terminal: supctl alerts,\nsupctl explain error-rate, supctl "
                "metrics ...; what it runs is demo/demo.conf, and conf.d has examples\n",
                facts_rate(f));
    return 0;
}

static int watch(struct facts *f, struct screen *s, bool once)
{
    mono_t limit = mono_add(s->begun, DUR_S(ONCE_LIMIT_S)), tick = mono_now();
    while (!told_to_end) {
        if (!facts_status(f))
            return told_to_end ? 0 : fail(s, "supd does not answer any more");
        facts_queue(f);
        facts_alerts(f);
        s->hints |= !once && facts_all_seen(f);
        if (once && facts_all_seen(f))
            return end_well(s, f, once);
        if (once && mono_reached(limit, mono_now()))
            return fail_unseen(s, f);
        screen_show(s, f);
        tick = mono_add(tick, DUR_MS(TICK_MS));
        if (!wait_tick(f, tick) && !told_to_end)
            return fail(s, "supctl events ended; supd is gone");
    }
    return once ? fail(s, "interrupted before everything was seen") : end_well(s, f, once);
}

int main(int argc, char **argv)
{
    struct facts f;
    struct screen s;
    bool once = argc == 4 && strcmp(argv[3], "--once") == 0;
    if (argc < 3 || argc > 4 || (argc == 4 && !once)) {
        dprintf(2, "usage: show SUPCTL FOLDER [--once]\n");
        return 2;
    }
    catch_signals();
    facts_init(&f, argv[1], argv[2], TICK_MS);
    screen_open(&s, getenv("SUPD_SOCKET"));
    int status = wait_for_supd(&f, &s) ? watch(&f, &s, once)
                 : told_to_end         ? 0
                                       : fail(&s, "supd does not answer");
    screen_close(&s);
    facts_fini(&f);
    return status;
}
