/* The text of events: names, header, length in characters or bytes, what is no UTF-8. */
#include "unit.h"

#include "supervisor/core/eventtext.h"
#include "supervisor/core/proc.h"

static void test_types(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EVENT_NTYPES; i++)
        assert_int_equal(event_type_mask(event_type_name((enum event_type)i)), EVENT_BIT(i));
    assert_int_equal(event_type_mask("EVENT"), EVENT_BIT(EVENT_NTYPES) - 1);
    assert_int_equal(event_type_mask("PROCESS_STATE"), EVENT_STATES);
    assert_int_equal(event_type_mask("TICK"), EVENT_TICKS);
    assert_int_equal(event_type_mask("PROCESS_LOG") | event_type_mask("PROCESS_COMMUNICATION"),
                     EVENT_TEXT);
    assert_int_equal(event_type_mask("PROCESS_GROUP"),
                     EVENT_BIT(EVENT_GROUP_ADDED) | EVENT_BIT(EVENT_GROUP_REMOVED));
    assert_int_equal(event_type_mask("SUPERVISOR_STATE_CHANGE"),
                     EVENT_BIT(EVENT_SUPERVISOR_RUNNING) | EVENT_BIT(EVENT_SUPERVISOR_STOPPING));
    assert_int_equal(event_type_mask("PROCESS"), 0);
    assert_int_equal(event_type_mask("PROCESS_STATE_"), 0);
    assert_int_equal(event_type_mask(""), 0);
}

static void test_states(void **state)
{
    (void)state;
    assert_int_equal(event_type_of_state(PROC_EXITED), EVENT_STATE_EXITED);
    assert_int_equal(event_type_of_state(PROC_UNKNOWN), EVENT_STATE_UNKNOWN);
    assert_int_equal(event_type_of_state(17), EVENT_NTYPES);
}

static void check_text(bool bytes, const char *payload, const char *want)
{
    struct str out = STR_INIT;
    struct event_head h = {.server = "supervisor",
                           .pool = "listener",
                           .serial = 21,
                           .pool_serial = EVENT_SERIAL_MAX,
                           .type = EVENT_REMOTE,
                           .bytes = bytes};
    event_text(&out, &h, payload, strlen(payload));
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

#define HEAD                                                                                       \
    "ver:3.0 server:supervisor serial:21 pool:listener poolserial:9223372036854775807 "            \
    "eventname:REMOTE_COMMUNICATION len:"

static void test_header(void **state)
{
    (void)state;
    check_text(false, "", HEAD "0\n");
    check_text(false, "type:a\nb", HEAD "8\ntype:a\nb");
    check_text(false, "h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
               HEAD "4\nh\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    check_text(true, "h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
               HEAD "10\nh\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void check_data(const char *data, size_t n, const char *want)
{
    struct str out = STR_INIT;
    event_put_data(&out, data, n);
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

static void test_undecodable(void **state)
{
    (void)state;
    check_data("", 0, "");
    check_data("gr\xc3\xbcn", 5, "gr\xc3\xbcn");
    check_data("h\xc3\n\t\r\\\x01\x7f", 8, "Undecodable: b'h\\xc3\\n\\t\\r\\\\\\x01\\x7f'");
    check_data("\xff'", 2, "Undecodable: b\"\\xff'\"");
    check_data("\xff'\"", 3, "Undecodable: b'\\xff\\'\"'");
    check_data("\xff\"", 2, "Undecodable: b'\\xff\"'");
    check_data("\xff\0", 2, "Undecodable: b'\\xff\\x00'");
    check_data("\xed\xa0\x80", 3, "Undecodable: b'\\xed\\xa0\\x80'"); /* a surrogate */
}

RUN(TEST(test_types), TEST(test_states), TEST(test_header), TEST(test_undecodable))
