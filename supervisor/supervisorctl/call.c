/* Calls of XML-RPC, over one connection that is kept. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/base/arena.h"
#include "supervisor/base/mem.h"
#include "supervisor/xmlrpc/read.h"
#include "supervisor/xmlrpc/write.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "3.0"
#define ANSWER_MAX ((size_t)512 << 20)
#define ANSWER_MS 300000 /* of what does not wait for processes */
#define STALL_MS 60000

/* ---- where the server is ---- */

/* the port at the end of host:port, which is cut off; 80 without one, -1 if it is none */
static int take_port(char *host)
{
    char *bracket = strrchr(host, ']'), *colon = strrchr(bracket ? bracket : host, ':');
    if (!colon)
        return 80;
    *colon = '\0';
    if (!colon[1])
        return 80;
    char *end;
    long n = strtol(colon + 1, &end, 10);
    return *end || n < 0 || n > 65535 ? -1 : (int)n;
}

bool sctl_server_of(const char *url, struct arena *a, struct hcall_server *out)
{
    if (strncmp(url, "unix://", 7) == 0) {
        *out = (struct hcall_server){.unix_path = arena_strdup(a, url + 7)};
        return true;
    }
    if (strncmp(url, "http://", 7) != 0)
        return false;
    char *host = arena_strndup(a, url + 7, strcspn(url + 7, "/?#"));
    char *at = strrchr(host, '@');
    host = at ? at + 1 : host;
    int port = take_port(host);
    size_t n = strlen(host);
    if (host[0] == '[' && n > 1 && host[n - 1] == ']') {
        host[n - 1] = '\0';
        host++;
    }
    *out = (struct hcall_server){.host = host, .port = (unsigned)port};
    return port >= 0 && *host;
}

void sctl_open(struct sctl *c, const char *url)
{
    char *kept = mem_strdup(url);
    hcall_free(&c->http);
    free(c->url_kept);
    c->url = c->url_kept = kept;
}

static int connected(struct sctl *c)
{
    struct hcall_server server;
    if (c->http)
        return 0;
    struct arena *a = arena_new();
    bool known = sctl_server_of(c->url, a, &server);
    if (known)
        c->http = hcall_new(&server, c->stop);
    else
        sctl_raise(c, "ValueError", "Unknown protocol for serverurl %s", c->url);
    arena_free(&a);
    return known ? 0 : -1;
}

/* ---- one call ---- */

static bool waits(const char *method)
{
    return strncmp(method, "start", 5) == 0 || strncmp(method, "stop", 4) == 0;
}

static int raise_status(struct sctl *c)
{
    sctl_raise(c, "xmlrpc.client.ProtocolError", "<ProtocolError for 127.0.0.1/RPC2: %d %s>",
               hcall_status(c->http), hcall_reason(c->http));
    c->error.http = hcall_status(c->http);
    return -1;
}

static int read_reply(struct sctl *c, const struct str *text, struct sctl_reply *out)
{
    struct xmlrpc_response r;
    struct err e;
    if (xmlrpc_read_response(str_text(text), text->len, 0, &r, &e) < 0) {
        sctl_raise(c, "xml.parsers.expat.ExpatError", "%s", e.msg);
        return -1;
    }
    *out = (struct sctl_reply){.value = r.value, .fault = r.fault, .text = r.text};
    return 0;
}

static int exchange(struct sctl *c, const char *method, const struct str *body, struct str *answer)
{
    struct hcall_request rq = {.method = "POST",
                               .path = "/RPC2",
                               .accept = "text/xml",
                               .type = "text/xml",
                               .user = c->user,
                               .password = c->password,
                               .body = str_text(body),
                               .n = body->len,
                               .answer_ms = waits(method) ? 0 : ANSWER_MS,
                               .stall_ms = STALL_MS};
    if (hcall_begin(c->http, &rq) < 0 ||
        (hcall_status(c->http) == 200 && hcall_rest(c->http, ANSWER_MAX, answer) < 0)) {
        sctl_raise_http(c, hcall_error(c->http));
        return -1;
    }
    return hcall_status(c->http) == 200 ? 0 : raise_status(c);
}

static int call(struct sctl *c, struct sctl_reply *out, const char *method, const json_t *params)
{
    struct str name = STR_INIT, body = STR_INIT, answer = STR_INIT;
    int r = connected(c);
    str_printf(&name, "supervisor.%s", method);
    xmlrpc_call(&body, str_text(&name), params);
    if (r == 0)
        r = exchange(c, method, &body, &answer);
    if (r == 0)
        r = read_reply(c, &answer, out);
    str_fini(&name);
    str_fini(&body);
    str_fini(&answer);
    return r;
}

static int vcall(struct sctl *c, struct sctl_reply *out, const char *method, const char *params,
                 va_list ap)
{
    json_t *packed = json_vpack_ex(NULL, 0, params, ap);
    *out = (struct sctl_reply){.value = NULL};
    if (!packed) {
        sctl_raise(c, "UnicodeEncodeError", "an argument is no UTF-8");
        return -1;
    }
    int r = call(c, out, method, packed);
    json_decref(packed);
    return r;
}

int sctl_call(struct sctl *c, struct sctl_reply *out, const char *method, const char *params, ...)
{
    va_list ap;
    va_start(ap, params);
    int r = vcall(c, out, method, params, ap);
    va_end(ap);
    return r;
}

void sctl_reply_fini(struct sctl_reply *r)
{
    json_decref(r->value);
    free(r->text);
    *r = (struct sctl_reply){.value = NULL};
}

json_t *sctl_value(struct sctl *c, const char *method, const char *params, ...)
{
    struct sctl_reply r;
    va_list ap;
    va_start(ap, params);
    int got = vcall(c, &r, method, params, ap);
    va_end(ap);
    if (got < 0)
        return NULL;
    json_t *value = json_incref(r.value);
    if (!value)
        sctl_raise_fault(c, &r);
    sctl_reply_fini(&r);
    return value;
}

/* ---- is it there? ---- */

static enum sctl_end not_there(struct sctl *c)
{
    if (c->error.errnum == ECONNREFUSED) {
        sctl_say("%s refused connection", c->url);
        c->exit = SCTL_REFUSED;
    } else if (c->error.errnum == ENOENT) {
        sctl_say("%s no such file", c->url);
        c->exit = SCTL_NOT_RUNNING;
    } else {
        return SCTL_RAISED;
    }
    return SCTL_DONE;
}

static enum sctl_end no_namespace(struct sctl *c, const struct sctl_reply *r)
{
    if (r->fault != XMLRPC_UNKNOWN_METHOD)
        return sctl_raise_fault(c, r);
    sctl_say("Sorry, supervisord responded but did not recognize the supervisor namespace commands "
             "that supervisorctl uses to control it.  Please check that the "
             "[rpcinterface:supervisor] section is enabled in the configuration file (see "
             "sample.conf).");
    c->exit = SCTL_NAMESPACE;
    return SCTL_DONE;
}

static enum sctl_end wrong_version(struct sctl *c, const char *theirs)
{
    sctl_say("Sorry, this version of supervisorctl expects to talk to a server with API version "
             "%s, but the remote version is %s.",
             API_VERSION, theirs);
    c->exit = SCTL_VERSION;
    return SCTL_DONE;
}

bool sctl_up(struct sctl *c, enum sctl_end *out_end)
{
    struct sctl_reply r;
    *out_end = SCTL_DONE;
    if (sctl_call(c, &r, "getVersion", "[]") < 0) {
        *out_end = not_there(c);
        return false;
    }
    const char *version = json_string_value(r.value);
    bool up = version && strcmp(version, API_VERSION) == 0;
    if (!r.value)
        *out_end = no_namespace(c, &r);
    else if (!up)
        *out_end = wrong_version(c, version ? version : "");
    sctl_reply_fini(&r);
    return up;
}
