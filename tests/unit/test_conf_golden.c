/* The conformance folders as far as C alone can judge: whether Supervisor takes each, no crash in
 * either view, and a printed form that reads back. (tests/compat compares every value.) */
#include "supervisor/conf/show.h"
#include "tests/unit/conf_text.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLDERS "tests/golden/supervisor-config"

static char e1[] = "TESTV=tv", e2[] = "PCT=a%sb%%c", e3[] = "HOME=/root",
            e4[] = "PATH=/usr/bin:/bin", e5[] = "LANG=C.UTF-8", e6[] = "QUEUE_WORKERS=4",
            e7[] = "QUEUE_TIMEOUT=60", e8[] = "DEBUG=True", e9[] = "QUEUE_SLEEP=3";
static char *const golden_environ[] = {e1, e2, e3, e4, e5, e6, e7, e8, e9, NULL};

static bool expected_ok(const char *folder)
{
    char path[4096], text[64] = "";
    snprintf(path, sizeof(path), "%s/expect.json", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return strstr(text, "\"ok\": true") != NULL;
}

static void check_exact(struct conf_request rq, const char *folder)
{
    rq.exact = true;
    struct conf *c = conf_load(&rq);
    struct str json = STR_INIT;
    if ((conf_nerrors(c) == 0) != expected_ok(folder))
        fail_msg("%s: %s", folder, conf_nerrors(c) ? conf_error(c, 0) : "no error");
    conf_dump_json(c, &json);
    assert_true(json.len > 100);
    str_fini(&json);
    conf_free(&c);
}

static void check_back(struct conf_request rq, const char *folder)
{
    struct str text = STR_INIT, again = STR_INIT, err = STR_INIT;
    if (conf_show(&rq, CONF_DUMP_TEXT, &text, &err) == 0) {
        rq.text = str_text(&text);
        rq.text_len = text.len;
        if (conf_show(&rq, CONF_DUMP_TEXT, &again, &err) != 0)
            fail_msg("%s: %s", folder, str_text(&err));
        assert_string_equal(str_text(&text), str_text(&again));
    }
    str_fini(&text);
    str_fini(&again);
    str_fini(&err);
}

static void check_generation(struct conf_request rq)
{
    struct conf *c = conf_load(&rq);
    if (conf_nerrors(c) == 0) {
        conf_free(&c);
        const struct gen *g = gen_of_request(&rq);
        assert_int_equal(g->magic, GEN_MAGIC);
        gen_close(&g);
    }
    conf_free(&c);
}

static void test_folders(void **state)
{
    (void)state;
    char cwd[2048], folder[4096], path[8192];
    int n = 0;
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    DIR *d = opendir(FOLDERS);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(folder, sizeof(folder), "%s/" FOLDERS "/%s", cwd, e->d_name);
        snprintf(path, sizeof(path), "%s/supervisord.conf", folder);
        struct conf_request rq = {
            .path = path, .cwd = folder, .environ = golden_environ, .node_name = "vm"};
        check_exact(rq, folder);
        check_back(rq, folder);
        check_generation(rq);
        n++;
    }
    closedir(d);
    assert_true(n >= 187);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
