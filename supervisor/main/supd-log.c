/* supd-log. */
#include "supervisor/logd/logd.h"

int main(int argc, char **argv)
{
    return logd_main(argc, argv);
}
