/* Mail: the name is resolved in the loop, the rest is one blocking transfer in a detached thread.
 */
#include "supervisor/io/mail_out.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#define STACK_BYTES (512 * 1024)
#define REPLY_MAX 512
#define CA_DEFAULT "/etc/ssl/certs/ca-certificates.crt"

/* What threads share with the loop; freed by the last of them. */
struct shared {
    pthread_mutex_t lock;
    int refs, running; /* refs: threads, and the port */
    int event;
    STAILQ_HEAD(, mail_run) done; /* finished, to be told */
};

struct mail {
    struct loop *loop;
    struct resolve *resolve;
    struct loop_io io;
    struct shared *sh;
};

/* A mail. The thread owns it until it has put it on sh->done. */
struct mail_run {
    STAILQ_ENTRY(mail_run) next;
    struct mail *m; /* not for the thread */
    struct shared *sh;
    struct mail_request rq; /* its texts point to copies */
    struct str copies[6];
    struct resolve_query *query;
    char *host;
    unsigned port;
    struct str address; /* "+host:port:address,address" for the library; "": the host is one */
    struct loop_defer defer;
    size_t sent;
    bool threaded;            /* a thread has it or had it */
    bool finished, abandoned; /* under the lock */
    char why[CURL_ERROR_SIZE], error[512], reply[REPLY_MAX];
    struct mail_result r;
};

/* ---- in the thread ---- */

static size_t on_read(char *p, size_t size, size_t n, void *obj)
{
    struct mail_run *r = obj;
    size_t left = r->rq.message_len - r->sent;
    n *= size;
    n = n < left ? n : left;
    memcpy(p, r->rq.message + r->sent, n);
    r->sent += n;
    return n;
}

/* keeps the last reply that refuses something: QUIT and its reply may follow */
static size_t on_reply(char *p, size_t size, size_t n, void *obj)
{
    struct mail_run *r = obj;
    n *= size;
    if (n > 4 && (*p == '4' || *p == '5')) {
        size_t len = n - 4 < REPLY_MAX - 1 ? n - 4 : REPLY_MAX - 1;
        memcpy(r->reply, p + 4, len);
        r->reply[len] = '\0';
        r->reply[strcspn(r->reply, "\r\n")] = '\0';
    }
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *obj)
{
    (void)p, (void)obj;
    return size * n;
}

static struct curl_slist *recipients(const char *text)
{
    struct curl_slist *list = NULL;
    while (*text) {
        char line[320];
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)n, text);
        if (n)
            list = curl_slist_append(list, line);
        text += n + (text[n] == '\n');
    }
    return list;
}

static void set_tls(CURL *easy, const struct mail_request *rq)
{
    static const long starttls[] = {[MAIL_STARTTLS_REQUIRED] = CURLUSESSL_ALL,
                                    [MAIL_STARTTLS_OFFERED] = CURLUSESSL_TRY,
                                    [MAIL_STARTTLS_NEVER] = CURLUSESSL_NONE};
    curl_easy_setopt(easy, CURLOPT_USE_SSL, starttls[rq->starttls]);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (rq->tls_ca || access(CA_DEFAULT, R_OK) == 0) {
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(easy, CURLOPT_CAINFO, rq->tls_ca ? rq->tls_ca : CA_DEFAULT);
    }
    if (rq->tls_insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_limits(CURL *easy, struct mail_run *r)
{
    long ms = (long)(r->rq.timeout.ns / 1000000);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms > 0 ? ms : 1L);
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, ms / 1000 + 1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->why);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_reply);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
}

static void set_message(CURL *easy, struct mail_run *r, struct curl_slist *to)
{
    const struct mail_request *rq = &r->rq;
    curl_easy_setopt(easy, CURLOPT_URL, rq->url);
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, rq->from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
    /* one bad address does not hide an alert from all others */
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, r);
    if (rq->user) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, rq->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, rq->password ? rq->password : "");
    }
}

/* The library's words hold nothing of what was sent. */
static void take(struct mail_run *r, CURL *easy, CURLcode code)
{
    long reply = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply);
    r->r.code = (int)reply;
    if (code == CURLE_OK)
        return;
    const char *what = r->why[0] ? r->why : curl_easy_strerror(code);
    long number = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_USE_SSL_FAILED)
        what = "it offers no TLS";
    else if (code == CURLE_OPERATION_TIMEDOUT)
        what = "no answer in time";
    else if (code == CURLE_COULDNT_CONNECT && number && strerrordesc_np((int)number))
        what = strerrordesc_np((int)number);
    snprintf(r->error, sizeof(r->error), "mail to %.200s:%u: %s", r->host, r->port, what);
    r->error[text_utf8_valid(r->error, strlen(r->error))] = '\0';
    r->r.error = r->error;
}

static void transfer(struct mail_run *r)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *to = recipients(r->rq.to);
    struct curl_slist *names = r->address.len ? curl_slist_append(NULL, r->address.s) : NULL;
    if (easy && to) {
        set_limits(easy, r);
        set_message(easy, r, to);
        set_tls(easy, &r->rq);
        curl_easy_setopt(easy, CURLOPT_RESOLVE, names);
        take(r, easy, curl_easy_perform(easy));
    } else {
        r->r.error = "mail: no memory, or nobody to send it to";
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(to);
    curl_slist_free_all(names);
}

static void run_free(struct mail_run *r)
{
    for (size_t i = 0; i < sizeof(r->copies) / sizeof(r->copies[0]); i++) {
        if (r->copies[i].s)
            explicit_bzero(r->copies[i].s, r->copies[i].cap);
        str_fini(&r->copies[i]);
    }
    str_fini(&r->address);
    free(r->host);
    free(r);
}

static void shared_drop(struct shared *sh)
{
    pthread_mutex_lock(&sh->lock);
    bool last = --sh->refs == 0;
    pthread_mutex_unlock(&sh->lock);
    if (!last)
        return;
    fd_close(&sh->event);
    pthread_mutex_destroy(&sh->lock);
    free(sh);
}

static void *run(void *arg)
{
    struct mail_run *r = arg;
    struct shared *sh = r->sh;
    uint64_t one = 1;
    transfer(r);
    pthread_mutex_lock(&sh->lock);
    sh->running--;
    bool abandoned = r->abandoned;
    r->finished = true;
    if (!abandoned)
        STAILQ_INSERT_TAIL(&sh->done, r, next);
    ssize_t k = write(sh->event, &one, sizeof(one));
    (void)k; /* a full counter wakes as well */
    pthread_mutex_unlock(&sh->lock);
    if (abandoned)
        run_free(r);
    shared_drop(sh);
    return NULL;
}

/* ---- in the loop ---- */

static void tell(struct mail_run *r)
{
    r->r.reply = r->reply;
    r->r.sent = r->sent > 0;
    r->rq.done(r->rq.obj, &r->r);
    run_free(r);
}

static void on_event(struct mail *m)
{
    uint64_t n;
    struct mail_run *r;
    STAILQ_HEAD(, mail_run) done = STAILQ_HEAD_INITIALIZER(done);
    ssize_t k = read(m->sh->event, &n, sizeof(n));
    (void)k;
    pthread_mutex_lock(&m->sh->lock);
    STAILQ_CONCAT(&done, &m->sh->done);
    pthread_mutex_unlock(&m->sh->lock);
    while ((r = STAILQ_FIRST(&done))) {
        STAILQ_REMOVE_HEAD(&done, next);
        loop_defer(m->loop, &r->defer);
    }
}

static void refuse(struct mail_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void refuse(struct mail_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->error, sizeof(r->error), fmt, ap);
    va_end(ap);
    r->r.error = r->error;
    r->finished = true;
    loop_defer(r->m->loop, &r->defer);
}

/* Threads take no signals: those are the loop's. */
static int start_thread(struct mail_run *r)
{
    pthread_attr_t attr;
    pthread_t id;
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&id, &attr, run, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

static void count_thread(struct shared *sh, int by)
{
    pthread_mutex_lock(&sh->lock);
    sh->running += by;
    sh->refs += by;
    pthread_mutex_unlock(&sh->lock);
}

static bool is_room(struct shared *sh)
{
    pthread_mutex_lock(&sh->lock);
    bool room = sh->running < MAIL_THREADS;
    pthread_mutex_unlock(&sh->lock);
    return room;
}

static void hand_over(struct mail_run *r)
{
    if (!is_room(r->sh)) {
        refuse(r, "%d mails are under way already", MAIL_THREADS);
        return;
    }
    count_thread(r->sh, 1);
    r->threaded = true;
    if (start_thread(r) == 0)
        return;
    count_thread(r->sh, -1);
    r->threaded = false;
    refuse(r, "no thread can be started for a mail");
}

/* ---- a start ---- */

static void put_address(struct mail_run *r, const struct netaddr *a)
{
    char host[NETADDR_TEXT];
    bool v6 = netaddr_family(a) == 6;
    if (r->address.len)
        str_putc(&r->address, ',');
    else
        str_printf(&r->address, "+%s:%u:", r->host, r->port);
    netaddr_host(a, host, sizeof(host));
    str_printf(&r->address, v6 ? "[%s]" : "%s", host);
}

static void on_addrs(void *obj, const struct resolve_result *res)
{
    struct mail_run *r = obj;
    struct netaddr self;
    size_t good = 0;
    bool literal = netaddr_parse(r->host, r->port, &self);
    r->query = NULL;
    for (size_t i = 0; i < res->naddrs; i++) {
        if (netaddr_link_local(&res->addrs[i]))
            continue;
        good++;
        if (!literal)
            put_address(r, &res->addrs[i]);
    }
    if (res->status != RESOLVE_OK)
        refuse(r, "%s", res->text);
    else if (!good)
        refuse(r, "%.200s has a link-local address only", r->host);
    else
        hand_over(r);
}

/* scheme, host and port; false and the reason's text if the URL is none */
static bool take_url(struct mail_run *r)
{
    char *host = NULL, *port = NULL;
    CURLU *u = curl_url();
    bool ok = u && curl_url_set(u, CURLUPART_URL, r->rq.url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              strncmp(r->rq.url, "smtp", 4) == 0;
    r->host = mem_strdup(ok ? host : "");
    r->port = ok ? (unsigned)strtoul(port, NULL, 10) : 0;
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return ok;
}

static const char *copy(struct str *s, const char *text)
{
    str_puts(s, text ? text : "");
    return text ? str_text(s) : NULL;
}

static void copy_texts(struct mail_run *r)
{
    struct mail_request *q = &r->rq;
    struct str *c = r->copies;
    q->url = copy(c, q->url);
    q->from = copy(c + 1, q->from);
    q->to = copy(c + 2, q->to);
    str_put(c + 3, q->message, q->message_len);
    q->message = str_text(c + 3);
    q->user = copy(c + 4, q->user);
    q->password = copy(c + 5, q->password);
}

struct mail_run *mail_start(struct mail *m, const struct mail_request *rq)
{
    struct mail_run *r = mem_zalloc(sizeof(*r));
    r->m = m;
    r->sh = m->sh;
    r->rq = *rq;
    copy_texts(r);
    LOOP_DEFER(&r->defer, tell, r);
    if (!take_url(r)) {
        refuse(r, "the URL of the mail server is malformed");
        return r;
    }
    struct resolve_request q = {.name = r->host,
                                .port = r->port,
                                .deadline = mono_add(loop_now(m->loop), rq->timeout),
                                .done = on_addrs,
                                .obj = r};
    r->query = resolve_start(m->resolve, &q);
    return r;
}

void mail_cancel(struct mail_run **rp)
{
    struct mail_run *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    resolve_cancel(&r->query);
    loop_defer_cancel(r->m->loop, &r->defer);
    pthread_mutex_lock(&r->sh->lock);
    struct mail_run *each;
    STAILQ_FOREACH (each, &r->sh->done, next) {
        if (each == r) {
            STAILQ_REMOVE(&r->sh->done, r, mail_run, next);
            break;
        }
    }
    bool mine = r->finished || !r->threaded;
    r->abandoned = !mine;
    pthread_mutex_unlock(&r->sh->lock);
    if (mine)
        run_free(r);
}

struct mail *mail_new(struct loop *l, struct resolve *r, struct err *e)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        err_set(e, "cannot set up the mail client");
        fd_close(&fd);
        return NULL;
    }
    struct mail *m = mem_zalloc(sizeof(*m));
    m->loop = l;
    m->resolve = r;
    m->sh = mem_zalloc(sizeof(*m->sh));
    m->sh->refs = 1;
    m->sh->event = fd;
    STAILQ_INIT(&m->sh->done);
    pthread_mutex_init(&m->sh->lock, NULL);
    LOOP_IO(&m->io, l, on_event, m);
    loop_io_set(&m->io, fd, LOOP_READ);
    return m;
}

void mail_free(struct mail **mp)
{
    struct mail *m = *mp;
    if (!m)
        return;
    *mp = NULL;
    loop_io_set(&m->io, m->sh->event, 0);
    shared_drop(m->sh); /* no curl_global_cleanup: threads may be in the library */
    free(m);
}
