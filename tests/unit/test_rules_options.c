/* The options of metrics and of alerts' conditions: what their checks refuse, and with which words;
 * and that the agent reads back what was checked. */
#include "supervisor/conf/agentgen.h"

#include "conf_text.h"
#include "unit.h"

#define BASE                                                                                       \
    "[supervisord]\n[program:w]\ncommand=w\n[metric:m]\ntype=lines\nprogram=w\n"                   \
    "[metric:t]\ntype=timer\ntimer=lat\ncell=30s\n"

static const struct {
    const char *section, *error; /* the error's end; NULL: none */
} rows[] = {
    {"[metric:x]\ntype=lines\n", "metric:x.program: is required for type=lines"},
    {"[metric:x]\ntype=lines\nprogram=ww\n", "there is no [program:ww]; did you mean w?"},
    {"[metric:x]\ntype=lines\nprogram=w\nerrors=\n",
     "metric:x.errors: is empty, which would match every line"},
    {"[metric:x]\ntype=lines\nprogram=w\ntotal=\n",
     "metric:x.total: is empty; leave it away to count all lines"},
    {"[metric:x]\ntype=lines\nprogram=w\nerrors=5%%|%(ENV_N)s\n", NULL},
    {"[metric:x]\ntype=exits\nprogram=w\ncell=7s\n",
     "metric:x.cell: a minute has to be a multiple of it: 1s, 2s, 3s, 4s, 5s, 6s, 10s, 12s, 15s, "
     "20s, 30s or 1m"},
    {"[metric:x]\ntype=exits\nprogram=w\ncell=500ms\n", "500ms is not between 1s and 1m"},
    {"[metric:x]\ntype=probe\nprobe=p\n",
     "metric:x.probe: there is no [probe:p], nor any other [probe:NAME]; add the section"},
    {"[metric:x]\ntype=counter\n", "metric:x.counter: is required, or errors= with total= or ok="},
    {"[metric:x]\ntype=counter\ncounter=a\nerrors=b\n",
     "metric:x.counter: stands alone; or give errors= with total= or ok="},
    {"[metric:x]\ntype=counter\nerrors=b\n",
     "metric:x.errors: needs one of total= and ok= beside it"},
    {"[metric:x]\ntype=counter\nerrors=b\nok=c\ntotal=d\n",
     "metric:x.errors: needs one of total= and ok= beside it"},
    {"[metric:x]\ntype=counter\nerrors=b\nok=c\ntags=env:prod,x\n", NULL},
    {"[metric:x]\ntype=timer\ntimer=a\npercentiles=50,99.9\n", NULL},
    {"[metric:x]\ntype=timer\ntimer=a\npercentiles=50,100\n",
     "metric:x.percentiles: 100 is not between 0 and 100"},
    {"[metric:x]\ntype=timer\ntimer=a\npercentiles=p99\n",
     "'p99' is not a percentage between 0% and 100% with at most four decimals"},
    {"[alert:x]\ntype=ratio\n", "alert:x.metric: is required for type=ratio"},
    {"[alert:x]\ntype=ratio\nmetric=n\n",
     "alert:x.metric: there is no [metric:n]; did you mean m?"},
    {"[alert:x]\ntype=ratio\nmetric=requests\n",
     "alert:x.metric: there is no [metric:requests]; there is m, t"},
    {"[alert:x]\ntype=ratio\nmetric=m\nover=0.05\n",
     "alert:x.over: '0.05' may mean 5% or 0.05%; write the percent sign"},
    {"[alert:x]\ntype=ratio\nmetric=m\nover=0.05%\nwindow=72h\nmethod=plain\n", NULL},
    {"[alert:x]\ntype=ratio\nmetric=m\nover=0\n", "0 is not between 0.0001% and 99.9999%"},
    {"[alert:x]\ntype=ratio\nmetric=m\nwindow=5s\n",
     "alert:x.window: 5s is shorter than 10s, the steps in which the metric m counts (its cell=)"},
    {"[alert:x]\ntype=burn\nmetric=m\n", "alert:x.objective: is required for type=burn"},
    {"[alert:x]\ntype=burn\nmetric=m\nobjective=99.95%\n", NULL},
    {"[alert:x]\ntype=burn\nmetric=m\nobjective=90%\n",
     "alert:x.objective: the window of 1h fires at 14.4 times the budget, which would be 144% of "
     "all requests: it never can; with this period the objective has to be above 93%"},
    {"[alert:x]\ntype=burn\nmetric=m\nobjective=90%\nwindows=ticket\n", NULL},
    {"[alert:x]\ntype=burn\nmetric=m\nobjective=99%\nperiod=7d\nwindows=all\n", NULL},
    {"[alert:x]\ntype=count\nmetric=m\nof=errors\nover=5\n", NULL},
    {"[alert:x]\ntype=percentile\nmetric=m\nover=1s\n",
     "alert:x.metric: m is of type=lines; percentiles need a timer"},
    {"[alert:x]\ntype=percentile\nmetric=t\n", "alert:x.over: is required for type=percentile"},
    {"[alert:x]\ntype=percentile\nmetric=t\nover=300ms\npercentile=99.9%\n", NULL},
    {"[alert:x]\ntype=absent\nmetric=m\nof=errors\n", "'errors' is not one of ok, total"},
    {"[alert:x]\ntype=absent\nmetric=m\nwindow=1d\n", NULL},
    {"[alert:x]\ntype=probe\n", "alert:x.probe: is required for type=probe"},
    {"[alert:x]\ntype=cert\nprobe=p\n",
     "alert:x.probe: there is no [probe:p], nor any other [probe:NAME]; add the section"},
    {"[probe:p]\ntype=tcp\naddress=127.0.0.1:1\n[alert:x]\ntype=cert\nprobe=p\n",
     "alert:x.probe: a probe of type=tcp sees no certificate"},
    {"[alert:x]\ntype=cert\nprobe=p\nstages=7d,14d\n",
     "14d: each stage has to be shorter than the one before, and longer than 0"},
    {"[probe:p]\ntype=cert\nfiles=/a.pem\n[alert:x]\ntype=cert\nprobe=p\nlabels=fingerprint=1\n",
     "alert:x.labels: every alert of type=cert has the label fingerprint already"},
    {"[alert:x]\ntype=program\nprogram=w\n", NULL},
    {"[alert:x]\ntype=program\nprogram=w\nstate=DEAD\n",
     "alert:x.state: 'DEAD' is not one of STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, "
     "FATAL, UNKNOWN"},
    {"[alert:x]\ntype=program\nprogram=w\nwindow=5m\n", "alert:x.window: is only for restarts="},
    {"[alert:x]\ntype=program\nprogram=w\nwindow=5m\nrestarts=3\n", NULL},
    {"[agent]\nstatsd_listen=8125\nstatsd_socket=/run/statsd\n", NULL},
    {"[agent]\nstatsd_listen=nohow:x\n",
     "not a valid port number: 'x' (9001, *:9001 or host:9001)"},
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* what is right comes through to the agent as it is */
static void check_agent(const struct conf *c, const char *section)
{
    struct err e;
    struct str out = STR_INIT;
    agentgen_write(c, &out);
    struct agentgen *g = agentgen_read(out.s, out.len, &e);
    if (!g)
        fail_msg("%s: %s", section, e.msg);
    assert_int_equal(g->conf->items.n, c->items.n);
    VEC_EACH (&c->items, i)
        assert_true(item_same(g->conf->items.v[i], c->items.v[i]));
    str_fini(&out);
    agentgen_free(&g);
}

static bool any_error(const struct conf *c, const char *want)
{
    for (size_t i = 0; i < conf_nerrors(c); i++) {
        if (ends_with(conf_error(c, i), want))
            return true;
    }
    return false;
}

/* ---- what is right, and can never do what is meant ---- */

#define LOG "[notify:log]\ntype=log\n"
#define BOOK "runbook=r\n"
#define PAGER "[notify:pd]\ntype=log\nseverity=page\n"
#define TCP "type=tcp\naddress=a:1\n"
#define STATSD "[agent]\nstatsd_listen=8125\n"

static const struct {
    const char *text, *said; /* said: the end of a warning or note; NULL: neither */
} silent[] = {
    {"[alert:x]\ntype=program\nprogram=w\n",
     "alert:x.notify: there is no [notify:NAME]: alerts are shown by supctl alerts, and nobody is "
     "told; add one, such as [notify:log] with type=log"},
    {"[alert:x]\ntype=program\nprogram=w\nnotify=\n" LOG,
     "alert:x.notify: is empty: nobody is told"},
    {"[alert:x]\ntype=program\nprogram=w\nnotify=pd\n" PAGER,
     "alert:x.notify: pd takes nothing below severity=page, and this is warning: it is never told"},
    {"[alert:x]\ntype=program\nprogram=w\n" PAGER,
     "alert:x.severity: no notifier takes warning (their severity= is higher): nobody is ever "
     "told"},
    {"[alert:x]\ntype=program\nprogram=w\n" PAGER LOG, NULL},
    /* a certificate's alert grows more severe */
    {"[probe:p]\ntype=cert\naddress=a:1\n[alert:x]\ntype=cert\nprobe=p\nrunbook=r\n" PAGER, NULL},
    {"[probe:p]\ntype=cert\naddress=a:1\n[alert:x]\ntype=cert\nprobe=p\nseverity=info\n" PAGER,
     "no notifier takes critical (their severity= is higher): nobody is ever told"},
    {LOG, "notify:log.type: there is no [alert:NAME] that it could tell of"},
    {"[alert:x]\ntype=program\nprogram=w\nnotify=log\n" LOG "[notify:n]\ntype=log\n",
     "notify:n.type: no alert has it in notify=, and no notifier in fallback=: it is never used"},
    {"[alert:x]\ntype=program\nprogram=w\nnotify=log\n" LOG "fallback=n\n[notify:n]\ntype=log\n",
     NULL},
    {"[probe:a]\n" TCP "parent=b\n[probe:b]\n" TCP "[alert:a]\ntype=probe\nprobe=a\n" LOG,
     "alert:a.probe: it stays quiet while b fails, the parent= of a, and no alert is about that: "
     "nobody would be told; add [alert:b] with type=probe and probe=b"},
    {"[probe:a]\n" TCP "parent=b\n[probe:b]\n" TCP "[alert:a]\ntype=probe\nprobe=a\n"
     "[alert:b]\ntype=probe\nprobe=b\n" LOG,
     NULL},
    {"[probe:a]\n" TCP,
     "probe:a.type: no alert is about it: nobody is told when it fails; add [alert:a] with "
     "type=probe and probe=a"},
    {"[agent]\nlisten=9090\n[probe:a]\n" TCP, NULL},
    {"[probe:a]\ntype=cert\naddress=a:1\n[alert:a]\ntype=probe\nprobe=a\n" LOG,
     "probe:a.type: an alert of type=probe tells that the certificate is wrong, not that it ends "
     "soon; add one of type=cert"},
    {"[probe:a]\ntype=http\nurl=http://a/\n[alert:a]\ntype=cert\nprobe=a\n" BOOK LOG,
     "alert:a.probe: a asks over http://, where it sees a certificate only if it is redirected to "
     "https://: this may never fire"},
    {"[probe:a]\ntype=postgres\nuser=u\nsslmode=disable\n[alert:a]\ntype=cert\nprobe=a\n" BOOK LOG,
     "alert:a.probe: a connects without TLS and sees no certificate: this never fires"},
    {"[probe:a]\ntype=postgres\nuser=u\nhost=/run\n[alert:a]\ntype=cert\nprobe=a\n" BOOK LOG,
     "alert:a.probe: a connects without TLS and sees no certificate: this never fires"},
    {"[metric:n]\ntype=lines\nprogram=w\n",
     "metric:n.type: no alert is about it: supctl metrics shows it, and nobody is told"},
    {"[metric:n]\ntype=lines\nprogram=w\n[alert:a]\ntype=ratio\nmetric=n\n" LOG,
     "alert:a.metric: [metric:n] has no errors=, so nothing of it is an error: this never fires"},
    {"[metric:n]\ntype=lines\nprogram=w\n[alert:a]\ntype=count\nmetric=n\n" LOG,
     "nothing of it is an error: this never fires; of=total counts all"},
    {"[metric:n]\ntype=lines\nprogram=w\n[alert:a]\ntype=count\nmetric=n\nof=total\n" LOG, NULL},
    {STATSD "[metric:n]\ntype=timer\ntimer=n\n[alert:a]\ntype=burn\nobjective=99%\nmetric=n\n" LOG,
     "alert:a.metric: [metric:n] has no over=, so nothing of it is an error: this never fires"},
    {"[metric:n]\ntype=counter\ncounter=n\n",
     "metric:n.type: StatsD datagrams have no way in: nothing is ever counted; add [agent] with "
     "statsd_listen=8125"},
    {STATSD "[metric:n]\ntype=timer\ntimer=n\n[alert:a]\ntype=percentile\nover=300\nmetric=n\n" LOG,
     "alert:a.over: a number without a unit is seconds; write 300ms or 3s"},
    {STATSD "[metric:n]\ntype=timer\ntimer=n\nover=300\n[alert:a]\ntype=ratio\nmetric=n\n" LOG,
     "metric:n.over: a number without a unit is seconds; write 300ms or 3s"},
    {"[program:v]\ncommand=v\nredirect_stderr=true\n[metric:n]\ntype=lines\nprogram=v\n"
     "errors=x\nstream=stderr\n[alert:a]\ntype=ratio\nmetric=n\n" LOG,
     "metric:n.stream: [program:v] has redirect_stderr=true, so it has no stderr: no line is ever "
     "counted; write stream=stdout"},
    {"[metric:n]\ntype=exits\nprogram=w\n[alert:a]\ntype=count\nmetric=n\nwindow=1m\n" LOG,
     "alert:a.window: what happens once is out of a window of 1m before it has lasted for=2m, and "
     "never fires; write for=0s, or a longer window"},
    {"[alert:a]\ntype=program\nprogram=w\nrestarts=2\nwindow=2m\n" LOG,
     "never fires; write for=0s, or a longer window"},
    {"[alert:a]\ntype=program\nprogram=w\nstate=backoff\n" LOG,
     "alert:a.state: BACKOFF hardly ever lasts as long as for=, and then this never fires; write "
     "for=0s, or count restarts="},
    {"[alert:a]\ntype=program\nprogram=w\nstate=backoff,starting\n" LOG, NULL},
    {"[program:v]\ncommand=v\non_fatal=retry:30s\n[alert:a]\ntype=program\nprogram=v\n" LOG,
     "alert:a.state: [program:v] is tried again 30s after it is FATAL (on_fatal=), before for=2m "
     "has passed: this never fires; write for=0s"},
    {"[program:v]\ncommand=v\nautorestart=false\n[alert:a]\ntype=program\nprogram=v\nrestarts="
     "2\n" LOG,
     "alert:a.restarts: [program:v] has autorestart=false, so supd does not restart it: this never "
     "fires"},
    {"[program:v]\ncommand=v\ndepends_on=w\n[alert:a]\ntype=program\nprogram=v\n" LOG,
     "alert:a.program: it stays quiet while w is down, which [program:v] depends on, and no alert "
     "is "
     "about that: nobody would be told"},
    {"[program:v]\ncommand=v\ndepends_on=w\n[alert:a]\ntype=program\nprogram=v\n"
     "[alert:b]\ntype=program\nprogram=w\n" LOG,
     NULL},
    {"[alert:a]\ntype=program\nprogram=w\nfor=1m\nfor=2m\n" LOG,
     "alert:a.for: stands in line 7 already, which does not count then; several lines of one value "
     "are indented below it"},
    {"[alert:a]\ntype=program\nprogram=w\nsummary=it is down ; badly\n" LOG,
     "alert:a.summary: '; badly' is taken for a comment, as is all behind a blank and ; or # (in a "
     "pattern write \\s for that blank)"},
};

static bool said(const struct conf *c, const char *end)
{
    bool found = false;
    for (size_t i = 0; i < conf_nwarnings(c); i++)
        found |= ends_with(conf_warning(c, i), end);
    for (size_t i = 0; i < conf_nnotes(c); i++)
        found |= ends_with(conf_note(c, i), end);
    return found;
}

static void test_silence_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(silent); i++) {
        char text[2048];
        snprintf(text, sizeof(text), "[supervisord]\n[program:w]\ncommand=w\n%s", silent[i].text);
        struct conf *c = load_text(text);
        size_t n = conf_nwarnings(c) + conf_nnotes(c);
        const char *first = conf_nwarnings(c) ? conf_warning(c, 0)
                            : conf_nnotes(c)  ? conf_note(c, 0)
                                              : "nothing";
        if (conf_nerrors(c))
            fail_msg("%s: %s", text, conf_error(c, 0));
        if (silent[i].said ? !said(c, silent[i].said) : n > 0)
            fail_msg("%s: '%s', not '%s'", text, first,
                     silent[i].said ? silent[i].said : "nothing");
        conf_free(&c);
    }
}

static void test_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[2048];
        snprintf(text, sizeof(text), BASE "%s", rows[i].section);
        struct conf *c = load_text(text);
        if (rows[i].error && !any_error(c, rows[i].error))
            fail_msg("%s: '%s', not '%s'", rows[i].section,
                     conf_nerrors(c) ? conf_error(c, 0) : "no error", rows[i].error);
        if (!rows[i].error && conf_nerrors(c))
            fail_msg("%s: %s", rows[i].section, conf_error(c, 0));
        if (!rows[i].error)
            check_agent(c, rows[i].section);
        conf_free(&c);
    }
}

RUN(TEST(test_checks), TEST(test_silence_is_told))
