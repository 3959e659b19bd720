/* The configuration reader over inih.
 *
 * inih cuts lines at 199 bytes and section names at 49, gives no line numbers to its handler, and
 * knows other rules for comments and continuation. So this reader cuts the text into physical lines
 * itself, decides by Supervisor's rules what each line is, and hands inih exactly one short line
 * for each: the line itself where inih reads it the same way, else a stand-in ("\x01=\x01",
 * " \x01", "[\x01]") while it holds the real text. inih calls the handler at once for the line just
 * read, so the handler swaps the real text back in.
 *
 *      text -> next_line() -> classify() -> stand_in() -> inih -> on_pair() -> struct ini
 */
#include "supervisor/conf/reader.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/pytext.h"

#include <ctype.h>
#include <ini.h>
#include <string.h>

#define STAND_IN "\x01"
/* What inih takes without cutting: its line buffer holds 200 bytes, its names 50. */
#define INIH_LINE 180
#define INIH_NAME 48
/* So much of a comment is kept, to show what was taken for one. */
#define COMMENT 24

enum line_kind { LINE_EMPTY, LINE_HEADER, LINE_KEY, LINE_MORE };

struct span {
    const char *p;
    size_t n;
};

struct reader {
    struct ini *ini;
    struct msgs *m;
    const char *file;
    const char *p, *end; /* what is not read yet */
    unsigned line;
    struct ini_section *section; /* NULL before the first header */
    bool in_key;                 /* a key is open: deeper lines continue it */
    bool failed;
    bool headless; /* a line before the first header was told of */
    size_t indent; /* of the line where the open key (or header) began */
    char *key;     /* the open key's name, its value so far, and where it began */
    struct str value;
    struct pos key_at;
    struct span key_comment; /* what its first line with a comment lost */
    enum line_kind kind;     /* the line in hand, and its parts */
    struct span name, text, comment;
};

static void fail(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct reader *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    msgs_vadd(r->m, MSG_ERROR, (struct pos){r->file, r->line}, fmt, ap);
    va_end(ap);
    r->failed = true;
}

/* a fail() after which nobody knows which sections there are */
static void fail_whole(struct reader *r, const char *what)
{
    fail(r, "%s", what);
    r->ini->unclear = true;
}

/* the open key is complete: trailing empty parts go, then it is stored */
static void close_key(struct reader *r)
{
    if (!r->key)
        return;
    const char *b = str_text(&r->value), *e = b + r->value.len;
    py_rstrip(b, &e);
    struct ini_key *k = ini_set(r->ini, r->section, r->key,
                                arena_strndup(r->ini->a, b, (size_t)(e - b)), r->key_at);
    if (r->key_comment.n)
        k->comment = arena_strndup(r->ini->a, r->key_comment.p, r->key_comment.n);
    r->key = NULL;
    str_clear(&r->value);
}

/* the next physical line without its end; \n, \r\n and a lone \r end a line */
static bool next_line(struct reader *r, struct span *out)
{
    if (r->p >= r->end)
        return false;
    size_t left = (size_t)(r->end - r->p), n = 0;
    while (n < left && r->p[n] != '\n' && r->p[n] != '\r')
        n++;
    *out = (struct span){r->p, n};
    if (n < left)
        n += n + 1 < left && r->p[n] == '\r' && r->p[n + 1] == '\n' ? 2 : 1;
    r->p += n;
    r->line++;
    return true;
}

static bool starts_comment(struct span line, size_t i)
{
    return i == 0 || py_space_before(line.p, line.p + i) > 0;
}

static size_t find_from(struct span line, char c, size_t from)
{
    const char *hit = from < line.n ? memchr(line.p + from, c, line.n - from) : NULL;
    return hit ? (size_t)(hit - line.p) : line.n;
}

/* Where the line's comment starts, line.n if it has none. In round k the k-th ';' and the k-th '#'
 * are looked at together, and the first round with a comment decides: "a;b ;c #d" loses "#d" only.
 */
static size_t comment_start(struct span line)
{
    const char *first = line.p, *end = line.p + line.n;
    size_t n, a = find_from(line, ';', 0), b = find_from(line, '#', 0);
    while ((n = py_space_at(first, end)))
        first += n;
    if (first < end && (*first == ';' || *first == '#'))
        return 0;
    while (a < line.n || b < line.n) {
        size_t at = a < line.n && starts_comment(line, a) ? a : line.n;
        if (b < at && starts_comment(line, b))
            at = b;
        if (at < line.n)
            return at;
        a = a < line.n ? find_from(line, ';', a + 1) : a;
        b = b < line.n ? find_from(line, '#', b + 1) : b;
    }
    return line.n;
}

static size_t indent_of(struct span line)
{
    const char *p = line.p, *end = line.p + line.n;
    size_t n;
    while ((n = py_space_at(p, end)))
        p += n;
    return py_chars(line.p, p);
}

/* "[" name up to the last "]" of the line; at least one character */
static bool header_of(struct span text, struct span *out)
{
    if (!text.n || text.p[0] != '[')
        return false;
    const char *last = memrchr(text.p, ']', text.n);
    if (!last || last - text.p < 2)
        return false;
    *out = (struct span){text.p + 1, (size_t)(last - text.p - 1)};
    return true;
}

static struct span strip(const char *b, const char *e)
{
    py_strip(&b, &e);
    return (struct span){b, (size_t)(e - b)};
}

static void take_header(struct reader *r)
{
    close_key(r);
    r->in_key = false;
    r->section = ini_open(r->ini, r->name.p, r->name.n, (struct pos){r->file, r->line});
    r->kind = LINE_HEADER;
}

/* "command /bin/x": the first word is taken for the key, so that the rest of the file is judged as
 * if the line were right */
static void guess_key(struct reader *r, struct span text)
{
    size_t word = 0;
    while (word < text.n && !py_space_at(text.p + word, text.p + text.n))
        word++;
    struct span value = strip(text.p + word, text.p + text.n);
    char *name = arena_strndup(r->ini->a, text.p, word);
    py_lower(name);
    if (value.n && !ini_get(r->ini, r->section, name))
        ini_set(r->ini, r->section, name, arena_strndup(r->ini->a, value.p, value.n),
                (struct pos){r->file, r->line})
            ->guessed = true;
}

static void no_delimiter(struct reader *r, struct span text)
{
    fail(r,
         "no '=' or ':' in this line: '%.*s' (a key needs a value; to continue the value "
         "above, indent the line deeper than its key)",
         (int)(text.n < 200 ? text.n : 200), text.p);
    if (text.p[0] == '[')
        r->ini->unclear = true; /* a header, perhaps, and so what follows is not this section's */
    else
        guess_key(r, text);
}

static void take_key(struct reader *r, struct span text)
{
    size_t eq = 0;
    while (eq < text.n && text.p[eq] != '=' && text.p[eq] != ':')
        eq++;
    if (eq == text.n) {
        no_delimiter(r, text);
        return;
    }
    r->name = strip(text.p, text.p + eq);
    r->text = strip(text.p + eq + 1, text.p + text.n);
    r->kind = LINE_KEY;
    if (r->name.n)
        return;
    fail(r, "a value without a key before the '%c'", text.p[eq]);
    close_key(r);
    r->in_key = false;
    r->kind = LINE_EMPTY;
}

static void no_section(struct reader *r, struct span text)
{
    if (!r->headless)
        fail(r, "File contains no section headers: '%.*s' stands before the first [section]",
             (int)(text.n < 200 ? text.n : 200), text.p);
    r->headless = r->ini->unclear = true;
}

/* its first bytes, whole characters of UTF-8 */
static struct span start_of(struct span s, size_t most)
{
    size_t n = s.n < most ? s.n : most;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return (struct span){s.p, n};
}

/* what the line is; sets kind, name and text */
static void classify(struct reader *r, struct span line)
{
    size_t cut = comment_start(line);
    struct span text = strip(line.p, line.p + cut);
    r->comment = start_of((struct span){line.p + cut, line.n - cut}, COMMENT);
    r->kind = LINE_EMPTY;
    if (!text.n) {
        if (cut == line.n && r->in_key)
            str_putc(&r->value, '\n');
        return;
    }
    size_t indent = indent_of(line);
    if (r->section && r->in_key && indent > r->indent) {
        r->kind = LINE_MORE;
        r->text = text;
        return;
    }
    r->indent = indent;
    if (header_of(text, &r->name)) {
        take_header(r);
    } else if (!r->section) {
        no_section(r, text);
    } else {
        take_key(r, text);
    }
}

/* inih reads the text as it stands: short, no comment or control characters */
static bool plain(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
        if (c == ';' && i > 0 && isspace((unsigned char)s.p[i - 1]))
            return false;
    }
    return s.n < INIH_LINE;
}

static bool plain_key(const struct reader *r)
{
    return r->name.n < INIH_NAME && r->name.n + r->text.n < INIH_LINE && plain(r->name) &&
           plain(r->text) && r->name.p[0] != '[';
}

/* the one line inih sees for the line in hand */
static void stand_in(const struct reader *r, struct str *out)
{
    switch (r->kind) {
    case LINE_EMPTY:
        break;
    case LINE_HEADER:
        if (r->name.n < INIH_NAME && plain(r->name) && !memchr(r->name.p, ']', r->name.n))
            str_printf(out, "[%.*s]", (int)r->name.n, r->name.p);
        else
            str_puts(out, "[" STAND_IN "]");
        break;
    case LINE_KEY:
        if (plain_key(r))
            str_printf(out, "%.*s=%.*s", (int)r->name.n, r->name.p, (int)r->text.n, r->text.p);
        else
            str_puts(out, STAND_IN "=" STAND_IN);
        break;
    case LINE_MORE:
        if (plain(r->text))
            str_printf(out, " %.*s", (int)r->text.n, r->text.p);
        else
            str_puts(out, " " STAND_IN);
        break;
    }
    str_putc(out, '\n');
}

/* inih's fgets */
static char *on_read(char *buf, int size, void *stream)
{
    struct reader *r = stream;
    struct span line;
    if (!next_line(r, &line))
        return NULL;
    classify(r, line);
    struct str s = STR_INIT;
    stand_in(r, &s);
    size_t n = s.len < (size_t)size ? s.len : (size_t)size - 1;
    memcpy(buf, str_text(&s), n);
    buf[n] = '\0';
    str_fini(&s);
    return buf;
}

static struct span real_text(const char *given, struct span held)
{
    return strcmp(given, STAND_IN) == 0 ? held : (struct span){given, strlen(given)};
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;
    (void)section; /* cut at 49 bytes: the open section is known here */
    struct span text = real_text(value, r->text);
    if (r->kind == LINE_MORE) {
        str_putc(&r->value, '\n');
        str_put(&r->value, text.p, text.n);
        if (!r->key_comment.n)
            r->key_comment = r->comment;
        return 1;
    }
    close_key(r);
    struct span key = real_text(name, r->name);
    r->key = arena_strndup(r->ini->a, key.p, key.n);
    py_lower(r->key);
    r->key_at = (struct pos){r->file, r->line};
    r->key_comment = r->comment;
    r->in_key = true;
    str_put(&r->value, text.p, text.n);
    return 1;
}

static unsigned line_of(const struct reader *r, const char *at)
{
    unsigned line = 1;
    for (const char *p = r->p; p < at; p++)
        line += *p == '\n';
    return line;
}

static bool check_bytes(struct reader *r, bool exact)
{
    size_t n = (size_t)(r->end - r->p);
    if (n >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0) {
        if (exact)
            fail_whole(r, "File contains no section headers: it begins with a byte order mark");
        else
            msgs_add(r->m, MSG_NOTE, (struct pos){r->file, 1},
                     "begins with a byte order mark, which is skipped here; Supervisor refuses it");
        r->p += 3;
        n -= 3;
    }
    const char *nul = memchr(r->p, '\0', n);
    if (nul) {
        r->line = line_of(r, nul);
        fail_whole(r, "holds a NUL byte: this is not a text file");
        return false;
    }
    size_t good = text_utf8_valid(r->p, n);
    if (good < n && exact) {
        r->line = line_of(r, r->p + good);
        fail_whole(r, "is not valid UTF-8");
    } else if (good < n) {
        msgs_add(r->m, MSG_NOTE, (struct pos){r->file, line_of(r, r->p + good)},
                 "is not valid UTF-8; its bytes are taken as they are, Supervisor refuses it");
    }
    return !r->failed;
}

bool reader_text(struct ini *ini, struct msgs *m, const char *file, const char *text, size_t n,
                 struct reader_opts opts)
{
    struct reader r = {.ini = ini, .m = m, .file = file, .p = text, .end = text + n};
    if (!check_bytes(&r, opts.exact))
        return false;
    r.failed |= ini_parse_stream(on_read, &r, on_pair, &r) < 0;
    close_key(&r);
    str_fini(&r.value);
    return !r.failed;
}

size_t reader_comment(const char *line, size_t n)
{
    return comment_start((struct span){line, n});
}
