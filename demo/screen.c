/* The demo's screen: one write a frame, each line cleared behind its text, so nothing flickers. */
#include "demo/screen.h"
#include "supervisor/base/fd.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REPORT_S 5 /* without a terminal: the tables and the throughput this often */
#define HINTS 7
#define NARROW 100 /* columns: below, the alerts' last texts are left to the notes */

static const char bold[] = "\033[1m", dim[] = "\033[2m", plain[] = "\033[0m", green[] = "\033[32m",
                  yellow[] = "\033[33m", red[] = "\033[31m";

void screen_open(struct screen *s, const char *socket)
{
    setlocale(LC_CTYPE, "");
    const char *term = getenv("TERM");
    bool dumb = !term || !*term || strcmp(term, "dumb") == 0;
    *s = (struct screen){
        .tty = isatty(1) && !dumb, .begun = mono_now(), .socket = socket, .next_line = 2};
    s->wide = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (s->tty) /* no cursor, no wrapping, an empty screen */
        fd_write_all(1, "\033[?25l\033[?7l\033[2J", 16);
}

void screen_close(struct screen *s)
{
    if (s->tty)
        fd_write_all(1, "\033[?7h\033[?25h", 11);
    s->tty = false;
}

static double elapsed(const struct screen *s, mono_t t)
{
    return (double)mono_sub(t, s->begun).ns / 1e9;
}

static void paint(const struct screen *s, struct str *out, const char *colour, const char *text)
{
    if (s->tty)
        str_puts(out, colour);
    str_puts(out, text);
    if (s->tty)
        str_puts(out, plain);
}

static void end_line(const struct screen *s, struct str *out)
{
    str_puts(out, s->tty ? "\033[K\n" : "\n");
}

/* The bytes of text that fit behind so many columns; *out_cut: there are more, and an ellipsis is
 * to stand for them. The last column stays free: clearing behind the text would take it. */
static size_t fit(const struct screen *s, const char *text, size_t n, size_t columns, bool *out_cut)
{
    size_t room = s->columns > columns + 2 ? s->columns - columns - 1 : 1, wide = 0, last = 0;
    *out_cut = false;
    for (size_t i = 0; s->columns && i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) == 0x80)
            continue;
        if (wide == room) {
            *out_cut = true;
            return last;
        }
        if (++wide == room)
            last = i; /* the ellipsis takes this one's place */
    }
    return n;
}

static void put_cut(const struct screen *s, struct str *out, bool cut)
{
    if (cut)
        str_puts(out, s->wide ? "…" : ">");
}

/* ---- the parts ---- */

static const char *colour_of(const char *word, size_t n)
{
    static const struct {
        const char *word, *colour;
    } rows[] = {{"RUNNING", green},   {"STARTING", yellow},  {"BACKOFF", yellow},
                {"STOPPING", yellow}, {"FATAL", red},        {"EXITED", yellow},
                {"STOPPED", dim},     {"OK", green},         {"FIRING", red},
                {"PENDING", yellow},  {"RECOVERING", yellow}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strlen(rows[i].word) == n && memcmp(rows[i].word, word, n) == 0)
            return rows[i].colour;
    return NULL;
}

/* one line of a table, its state in colour */
static void put_row(const struct screen *s, struct str *out, const char *line, size_t n)
{
    bool cut;
    n = fit(s, line, n, 2, &cut);
    str_puts(out, "  ");
    for (size_t i = 0; i < n;) {
        size_t word = 0;
        while (i + word < n && line[i + word] != ' ')
            word++;
        const char *colour = s->tty ? colour_of(line + i, word) : NULL;
        if (colour)
            str_puts(out, colour);
        str_put(out, line + i, word);
        if (colour)
            str_puts(out, plain);
        for (i += word; i < n && line[i] == ' '; i++)
            str_putc(out, ' ');
    }
    put_cut(s, out, cut);
    end_line(s, out);
}

static unsigned put_table(const struct screen *s, struct str *out, const struct facts *f)
{
    unsigned rows = 0;
    const char *p = str_text(&f->table);
    for (const char *end; (end = strchr(p, '\n')); p = end + 1, rows++)
        put_row(s, out, p, (size_t)(end - p));
    return rows;
}

/* the last seconds as small bars */
static void put_bars(const struct screen *s, struct str *out, const struct facts *f)
{
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    int64_t top = 1;
    for (int i = 0; i < FACTS_TICKS; i++)
        top = f->ticks[i] > top ? f->ticks[i] : top;
    if (!s->tty || !s->wide)
        return;
    str_puts(out, green);
    for (int i = FACTS_TICKS / 2; i < FACTS_TICKS; i++)
        str_puts(out, bars[f->ticks[i] > 0 ? 1 + f->ticks[i] * 7 / top : 0]);
    str_printf(out, "%s ", plain);
}

static void put_flow(const struct screen *s, struct str *out, const struct facts *f)
{
    str_puts(out, "  ");
    put_bars(s, out, f);
    str_printf(out,
               "%.0f jobs/s, %" PRId64 " done, %" PRId64 " failed, %" PRId64 " waiting, %" PRId64
               " set aside",
               facts_rate(f), f->done, f->failed, f->waiting, f->aside);
    end_line(s, out);
}

/* the alerts that were told of, or do not rest; what was told last of each */
static unsigned put_alerts(const struct screen *s, struct str *out, const struct facts *f)
{
    struct str line = STR_INIT;
    const struct alerts *all = &f->alerts;
    bool narrow = s->columns && s->columns < NARROW;
    str_printf(&line, "%-12s %-11s %-9s %-38s %s", "ALERT", "STATE", "SEVERITY", "RUNBOOK",
               narrow ? "" : "TOLD LAST");
    put_row(s, out, str_text(&line), line.len);
    for (unsigned i = 0; i < all->n; i++) {
        const struct alert *a = &all->v[i];
        str_clear(&line);
        str_printf(&line, "%-12s %-11s %-9s %-38s %s", a->name, a->state,
                   *a->severity ? a->severity : "-", *a->runbook ? a->runbook : "-",
                   narrow        ? ""
                   : *a->summary ? a->summary
                                 : "-");
        put_row(s, out, str_text(&line), line.len);
    }
    str_fini(&line);
    return all->n + 1;
}

static void put_note(const struct screen *s, struct str *out, const struct note *n)
{
    const char *colour = n->level == 'b' ? red : n->level == 'w' ? yellow : green;
    bool cut;
    struct str text = STR_INIT;
    str_put(&text, n->text, fit(s, n->text, strlen(n->text), 11, &cut));
    put_cut(s, &text, cut);
    str_printf(out, "  %5.1f s  ", elapsed(s, n->at));
    paint(s, out, colour, str_text(&text));
    end_line(s, out);
    str_fini(&text);
}

static unsigned put_notes(const struct screen *s, struct str *out, const struct facts *f,
                          unsigned room)
{
    uint64_t n = f->nnotes < FACTS_NOTES ? f->nnotes : FACTS_NOTES;
    n = n < room ? n : room;
    for (uint64_t i = f->nnotes - n; i < f->nnotes; i++)
        put_note(s, out, &f->notes[i % FACTS_NOTES]);
    return (unsigned)n;
}

static void put_seen(const struct screen *s, struct str *out, const struct facts *f)
{
    str_puts(out, " ");
    for (enum seen i = 0; i < SEEN_ALL; i++) {
        if (i == SEEN_RATE) {
            end_line(s, out);
            str_puts(out, " ");
        }
        str_puts(out, " ");
        paint(s, out, f->seen[i] ? green : dim, f->seen[i] ? "[x] " : "[ ] ");
        str_puts(out, facts_seen_text(i));
    }
    end_line(s, out);
}

/* Whoever reads it may be in another folder. Returns its lines. */
static unsigned put_place(const struct screen *s, struct str *out)
{
    char folder[4096];
    if (!getcwd(folder, sizeof(folder)))
        folder[0] = '\0';
    size_t both = strlen(folder) + strlen(s->socket) + strlen("    cd ; export SUPD_SOCKET=");
    bool split = s->columns && both >= s->columns;
    str_printf(out, "    cd %s%s", folder, split ? "" : "; ");
    if (split)
        end_line(s, out);
    str_printf(out, "%sexport SUPD_SOCKET=%s", split ? "    " : "", s->socket);
    end_line(s, out);
    return split ? 2 : 1;
}

/* in few lines, at most so many, without what they are good for */
static void put_names(const struct screen *s, struct str *out, const char *const rows[][2],
                      unsigned lines)
{
    size_t used = 0;
    for (size_t i = 0; i < HINTS; i++) {
        size_t n = strlen(rows[i][0]) + 3;
        if (used && used + n >= s->columns) {
            end_line(s, out);
            if (--lines == 0)
                return;
            str_puts(out, "     ");
            used = 5;
        }
        str_printf(out, "%s%s", used ? " | " : "    build/supctl ", rows[i][0]);
        used += used ? n : n + 14;
    }
    end_line(s, out);
}

/* one a line, or in `room` lines */
static void put_hints(const struct screen *s, struct str *out, unsigned room)
{
    static const char *const rows[HINTS][2] = {
        {"status --watch", "the table, by itself"},
        {"explain mailer", "why it is FATAL, what happens next"},
        {"explain error-rate", "why it fires, or would; who was told"},
        {"events", "everything that happens, one line each"},
        {"alerts ack site-down", "or silence it; also: metrics, probes"},
        {"tail -f worker:worker-0", "its output, as it comes"},
        {"restart 'worker:*'", "or stop, start, signal"},
    };
    paint(s, out, bold, "  Now try, in another terminal (Ctrl-C here ends the demo):");
    end_line(s, out);
    unsigned used = 1 + put_place(s, out);
    if (room < HINTS + 3) {
        put_names(s, out, rows, room > used ? room - used : 1);
        return;
    }
    for (size_t i = 0; i < HINTS; i++) {
        str_printf(out, "    build/supctl %-26s", rows[i][0]);
        paint(s, out, dim, rows[i][1]);
        end_line(s, out);
    }
}

/* ---- a terminal ---- */

static unsigned look(struct screen *s)
{
    struct winsize size;
    bool known = ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    s->columns = known ? size.ws_col : 80;
    return known ? size.ws_row : 24;
}

static void put_head(const struct screen *s, struct str *out)
{
    str_puts(out, "\033[H");
    paint(s, out, bold, "  supd keeps queue workers alive, and tells of what goes wrong");
    str_printf(out, "   %s%.0f s%s", dim, elapsed(s, mono_now()), plain);
    end_line(s, out);
    end_line(s, out);
}

static void draw(struct screen *s, const struct facts *f)
{
    struct str out = STR_INIT;
    unsigned below = 4, rows = look(s), used;
    put_head(s, &out);
    used = 2 + put_table(s, &out, f);
    end_line(s, &out);
    used += 1 + put_alerts(s, &out, f);
    end_line(s, &out);
    put_flow(s, &out, f);
    end_line(s, &out);
    used += 3;
    if (s->hints)
        below = rows > used + HINTS + 6 ? HINTS + 5 : 6;
    unsigned notes = put_notes(s, &out, f, rows > used + below ? rows - used - below : 0);
    if (notes)
        end_line(s, &out);
    used += notes + (notes > 0) + 1; /* the last line stays empty */
    if (s->hints)
        put_hints(s, &out, rows > used ? rows - used : 0);
    else
        put_seen(s, &out, f);
    str_puts(&out, "\033[J");
    fd_write_all(1, str_text(&out), out.len);
    str_fini(&out);
}

/* ---- a log ---- */

static void report(struct screen *s, const struct facts *f)
{
    struct str out = STR_INIT;
    for (; s->noted < f->nnotes; s->noted++)
        if (f->nnotes - s->noted <= FACTS_NOTES)
            put_note(s, &out, &f->notes[s->noted % FACTS_NOTES]);
    if (elapsed(s, mono_now()) >= (double)s->next_line) {
        s->next_line += REPORT_S;
        str_putc(&out, '\n');
        put_table(s, &out, f);
        str_putc(&out, '\n');
        put_alerts(s, &out, f);
        str_putc(&out, '\n');
        put_flow(s, &out, f);
        str_putc(&out, '\n');
    }
    if (s->hints && !s->hinted)
        put_hints(s, &out, HINTS + 3);
    s->hinted = s->hints;
    fd_write_all(1, str_text(&out), out.len);
    str_fini(&out);
}

void screen_show(struct screen *s, const struct facts *f)
{
    if (s->tty)
        draw(s, f);
    else
        report(s, f);
}
