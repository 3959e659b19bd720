/* The exchanges before a ClientHello: rows of what is sent and what must come back. */
#include "probes/judge/starttls.h"
#include "supervisor/base/text.h"

#include <string.h>
#include <strings.h>

enum { LINES_MAX = 200 };

/* What a line of an answer means. */
enum line { LINE_MORE, LINE_GOOD, LINE_BAD };
typedef enum line line_fn(const char *line, const char *want);

/* "220-text" more follows, "220 text" the last one */
static enum line line_code(const char *line, const char *want)
{
    if (strlen(line) > 3 && line[3] == '-')
        return LINE_MORE;
    return strncmp(line, want, 3) == 0 ? LINE_GOOD : LINE_BAD;
}

/* untagged lines may come at any time, the greeting is one */
static enum line line_tagged(const char *line, const char *want)
{
    size_t n = strlen(want);
    if (strncasecmp(line, want, n) == 0 && (line[n] == ' ' || !line[n]))
        return LINE_GOOD;
    return line[0] == '*' && want[0] != '*' ? LINE_MORE : LINE_BAD;
}

static enum line line_pop3(const char *line, const char *want)
{
    return strncmp(line, want, 3) == 0 ? LINE_GOOD : LINE_BAD;
}

struct step {
    const char *send; /* NULL: the server speaks first */
    size_t nsend;
    line_fn *line; /* NULL: one byte, S */
    const char *want;
    const char *offer; /* a word that a line of the answer must begin with, after its code */
};

#define SEND(text) .send = (text), .nsend = sizeof(text) - 1
#define STEPS 3
static const struct step steps[][STEPS] = {
    [STARTTLS_SMTP] = {{.line = line_code, .want = "220"},
                       {SEND("EHLO localhost\r\n"), .line = line_code, .want = "250",
                        .offer = "STARTTLS"},
                       {SEND("STARTTLS\r\n"), .line = line_code, .want = "220"}},
    [STARTTLS_IMAP] = {{.line = line_tagged, .want = "* OK"},
                       {SEND("a STARTTLS\r\n"), .line = line_tagged, .want = "a OK"}},
    [STARTTLS_POP3] = {{.line = line_pop3, .want = "+OK"},
                       {SEND("STLS\r\n"), .line = line_pop3, .want = "+OK"}},
    [STARTTLS_FTP] = {{.line = line_code, .want = "220"},
                      {SEND("AUTH TLS\r\n"), .line = line_code, .want = "234"}},
    /* an SSLRequest: its length and a number that no version has */
    [STARTTLS_POSTGRES] = {{SEND("\0\0\0\x08\x04\xd2\x16\x2f"), .want = "S"}},
};

static const struct step *step_of(const struct starttls *s)
{
    return &steps[s->proto][s->step];
}

static void begin_step(struct starttls *s, struct starttls_out *out)
{
    const struct step *st = s->step < STEPS ? step_of(s) : NULL;
    s->n = 0;
    if (!st || !st->want) {
        out->next = STARTTLS_BEGIN;
        return;
    }
    out->next = st->send ? STARTTLS_SEND : STARTTLS_WAIT;
    out->send = st->send;
    out->n = st->nsend;
    s->offered = !st->offer;
}

void starttls_init(struct starttls *s, enum cert_starttls proto, struct starttls_out *out)
{
    *s = (struct starttls){.proto = proto};
    *out = (struct starttls_out){.next = STARTTLS_WAIT};
    begin_step(s, out);
}

static void refuse(struct starttls_out *out, const char *line)
{
    char seen[160];
    size_t n = strnlen(line, sizeof(seen) - 1);
    memcpy(seen, line, n);
    seen[n] = '\0';
    seen[text_utf8_valid(seen, n)] = '\0';
    out->next = STARTTLS_FAIL;
    err_set(&out->e, "the server does not begin TLS: it answered '%s'", seen);
}

static void take_line(struct starttls *s, struct starttls_out *out)
{
    const struct step *st = step_of(s);
    if (st->offer && strlen(s->line) >= 4 &&
        strncasecmp(s->line + 4, st->offer, strlen(st->offer)) == 0)
        s->offered = true;
    enum line is = st->line(s->line, st->want);
    if (is == LINE_BAD || ++s->lines > LINES_MAX) {
        refuse(out, s->line);
    } else if (is == LINE_GOOD && !s->offered) {
        out->next = STARTTLS_FAIL;
        err_set(&out->e, "the server does not offer %s", st->offer);
    } else if (is == LINE_GOOD) {
        s->step++;
        begin_step(s, out);
    }
}

/* postgres: S, or N for no, or the beginning of an error */
static void take_byte(struct starttls *s, char c, struct starttls_out *out)
{
    if (c == 'S') {
        s->step++;
        begin_step(s, out);
        return;
    }
    out->next = STARTTLS_FAIL;
    if (c == 'N')
        err_set(&out->e, "the server does not do TLS (ssl = off)");
    else
        err_set(&out->e, "the server does not begin TLS: its answer is not that of PostgreSQL");
}

static void take_char(struct starttls *s, char c, struct starttls_out *out)
{
    if (c == '\n') {
        size_t n = s->n;
        s->line[n - (n > 0 && s->line[n - 1] == '\r')] = '\0';
        s->n = 0;
        take_line(s, out);
    } else if (s->n + 1 < sizeof(s->line)) {
        /* what is not text has no place in these answers, and none in ours */
        s->line[s->n++] = (unsigned char)c < 0x20 && c != '\r' ? '?' : c;
    } else {
        out->next = STARTTLS_FAIL;
        err_set(&out->e, "the server does not begin TLS: it sent a line without end");
    }
}

void starttls_feed(struct starttls *s, const char *p, size_t n, struct starttls_out *out)
{
    *out = (struct starttls_out){.next = STARTTLS_WAIT};
    /* what follows an answer in the same breath came before we asked: it is thrown away */
    for (size_t i = 0; i < n && out->next == STARTTLS_WAIT; i++) {
        if (step_of(s)->line)
            take_char(s, p[i], out);
        else
            take_byte(s, p[i], out);
    }
}
