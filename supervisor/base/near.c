/* The nearest of several names to a word that is none of them. */
#include "supervisor/base/near.h"
#include "supervisor/base/text.h"

#include <string.h>

struct near near_start(const char *word)
{
    return (struct near){.word = word, .least = strlen(word) > 5 ? 3 : 2};
}

void near_try(struct near *n, const char *name)
{
    unsigned d = text_distance(n->word, name, n->least);
    if (d < n->least) {
        n->least = d;
        n->best = name;
    }
}
