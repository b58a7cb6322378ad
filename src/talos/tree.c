#include "talos/tree.h"

#include "base/secret.h"

static void wipe(struct yaml_node *n) {
        if (n->text)
                secret_wipe(n->text, strlen(n->text));
        for (size_t i = 0; i < n->n; i++)
                wipe(n->type == YAML_MAP ? n->pairs[i].value : n->items[i]);
}

void tree_free_secret(struct yaml_node *n) {
        if (!n)
                return;
        wipe(n);
        yaml_free(n);
}

void tree_docs_free_secret(struct yaml_docs *d) {
        for (size_t i = 0; i < d->n; i++)
                wipe(d->items[i]);
        yaml_docs_done(d);
}
