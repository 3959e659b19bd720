/* supd-init: plain init alone, static, for images that hold nothing else. */
#include "supervisor/init/init.h"
#include "supervisor/init/pidproxy.h"

int main(int argc, char **argv)
{
    if (pidproxy_wanted(argc, argv))
        return pidproxy_main(argc, argv);
    return init_main(argc, argv);
}
