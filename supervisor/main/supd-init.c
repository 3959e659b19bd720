/* supd-init: plain init alone, static, for images that hold nothing else. */
#include "supervisor/init/init.h"

int main(int argc, char **argv)
{
    return init_main(argc, argv);
}
