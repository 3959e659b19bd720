/* A message of the sd_notify protocol: what it says, and its status as text that is safe to show.
 */
#include "unit.h"

#include "supervisor/core/sdnotify.h"

static struct sdn_msg said(const char *text, unsigned want)
{
    struct sdn_msg m;
    struct err e;
    if (sdn_parse(text, strlen(text), &m, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    if (m.said != want)
        fail_msg("%s: says 0x%x, not 0x%x", text, m.said, want);
    return m;
}

static void test_each_key(void **state)
{
    (void)state;
    said("READY=1", SDN_READY);
    said("READY=1\n", SDN_READY);
    said("RELOADING=1", SDN_RELOADING);
    said("STOPPING=1", SDN_STOPPING);
    said("WATCHDOG=1", SDN_ALIVE);
    said("WATCHDOG=trigger", SDN_TRIGGER);
    said("BARRIER=1", SDN_BARRIER);
    said("FDSTORE=1\nFDNAME=x", SDN_FDSTORE);
    assert_int_equal(said("MAINPID=4711", SDN_MAINPID).mainpid, 4711);
    assert_int_equal(said("WATCHDOG_USEC=20000000", SDN_PERIOD).watchdog.ns, DUR_S(20).ns);
    assert_int_equal(said("WATCHDOG_USEC=0", SDN_PERIOD).watchdog.ns, 0);
    assert_int_equal(said("EXTEND_TIMEOUT_USEC=1500000", SDN_EXTEND).extend.ns, DUR_MS(1500).ns);
    assert_int_equal(said("MONOTONIC_USEC=7", SDN_MONOTONIC).monotonic.ns, 7000);
    assert_string_equal(said("STATUS=Listening on 80", SDN_STATUS).status, "Listening on 80");
    assert_string_equal(said("STATUS=", SDN_STATUS).status, "");
}

static void test_several(void **state)
{
    (void)state;
    struct sdn_msg m = said("STATUS=a=b\nX_OWN=1\n\nMAINPID=9\nREADY=1\nSTATUS=second\n",
                            SDN_STATUS | SDN_MAINPID | SDN_READY);
    assert_string_equal(m.status, "a=b");
    assert_int_equal(m.mainpid, 9);
    said("RELOADING=1\nMONOTONIC_USEC=123456", SDN_RELOADING | SDN_MONOTONIC);
    said("", 0);
}

static void test_what_means_nothing(void **state)
{
    (void)state;
    said("READY=0", 0);
    said("READY=11", 0);
    said("READY", 0);
    said(" READY=1", 0);
    said("ready=1", 0);
    said("XREADY=1", 0);
    said("=1", 0);
    said("WATCHDOG=triggers", 0);
    said("MAINPID=1", 0);
    said("MAINPID=-5", 0);
    said("MAINPID=0x10", 0);
    said("MAINPID=", 0);
    said("MAINPID=2147483648", 0);
    said("WATCHDOG_USEC=99999999999999999999", 0);
    said("EXTEND_TIMEOUT_USEC=9223372036854775807", 0);
    /* the first of two counts, even if that means nothing */
    said("READY=0\nREADY=1", 0);
}

static void refused(const char *p, size_t n, const char *why)
{
    struct sdn_msg m;
    struct err e;
    assert_int_equal(sdn_parse(p, n, &m, &e), -1);
    assert_string_equal(e.msg, why);
    assert_int_equal(m.said, 0);
}

static void test_refused(void **state)
{
    (void)state;
    static char big[SDN_MAX + 1];
    struct sdn_msg m;
    struct err e;
    memset(big, 'x', sizeof(big));
    refused(big, sizeof(big), "it is longer than 4096 bytes");
    refused("READY=1\0STATUS=x", 16, "it holds a NUL byte");
    refused("READY=1\0\0", 9, "it holds a NUL byte");
    assert_int_equal(sdn_parse("READY=1", 8, &m, &e), 0); /* with its terminator */
    assert_int_equal(m.said, SDN_READY);
}

static void shown(const char *text, const char *want)
{
    char out[SDN_STATUS_MAX];
    sdn_text(text, strlen(text), out, sizeof(out));
    assert_string_equal(out, want);
}

static void test_text(void **state)
{
    (void)state;
    shown("  two words \r\n", "two words");
    shown("\x1b[2Jred\x07\x7f", "?[2Jred??");
    shown("a\tb", "a?b");
    shown("Grüße, 世界 \xf0\x9f\x98\x80", "Grüße, 世界 \xf0\x9f\x98\x80");
    shown("\xc2\x9b"
          "31m",
          "?31m"); /* the one-byte CSI as UTF-8 */
    shown("\xff\xc3 (", "?? (");
    shown("a\xe2\x80\xaetxt.exe", "a?txt.exe"); /* right to left */
    shown("\xe2\x80", "??");
    shown("   ", "");
}

static void cut(const char *text, size_t size, const char *want)
{
    char out[64];
    memset(out, 'X', sizeof(out));
    sdn_text(text, strlen(text), out, size);
    assert_string_equal(out, want);
    assert_int_equal(out[size], 'X');
}

static void test_text_is_cut(void **state)
{
    (void)state;
    cut("1234567", 8, "1234567");
    cut("12345678", 8, "1234...");
    cut("1234567\xc3\xa9", 9, "12345...");
    cut("1234\xf0\x9f\x98\x80", 9, "1234\xf0\x9f\x98\x80");
    cut("123\xf0\x9f\x98\x80"
        "45",
        9, "123...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_key), TEST(test_several), TEST(test_what_means_nothing),
        TEST(test_refused),  TEST(test_text),    TEST(test_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
