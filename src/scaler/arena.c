#include "scaler/arena.h"

#include "base/memory.h"

#define BLOCK_SIZE ((size_t) 256 * 1024)

struct arena_block { struct arena_block *next; max_align_t bytes[]; };

void arena_done(struct arena *a) {
        while (a->blocks) {
                struct arena_block *next = a->blocks->next;
                free(a->blocks);
                a->blocks = next;
        }
        free(a->table);
        *a = (struct arena) { 0 };
}

static struct arena_block *block_new(size_t size) {
        return xcalloc(1, sizeof(struct arena_block) + size);
}

void *arena_alloc(struct arena *a, size_t n, size_t size) {
        const size_t unit = sizeof(max_align_t) / 2;       /* 8 bytes and more: enough for all that lies here */
        if (n && size > (SIZE_MAX / 4) / n)
                end_without("memory");
        size_t want = (n * size + unit - 1) / unit * unit;
        if (want > BLOCK_SIZE / 4) {
                /* Large pieces get a block of their own, behind the one that is being filled. */
                struct arena_block *own = block_new(want);
                struct arena_block **at = a->blocks ? &a->blocks->next : &a->blocks;
                own->next = *at;
                *at = own;
                return own->bytes;
        }
        if (want > a->left) {
                struct arena_block *fresh = block_new(BLOCK_SIZE);
                fresh->next = a->blocks;
                a->blocks = fresh;
                a->left = BLOCK_SIZE;
        }
        char *p = (char *) a->blocks->bytes + (BLOCK_SIZE - a->left);
        a->left -= want;
        return p;
}

void *arena_copy(struct arena *a, const void *p, size_t n, size_t size) {
        if (n == 0)
                return NULL;
        void *copy = arena_alloc(a, n, size);
        memcpy(copy, p, n * size);
        return copy;
}

uint64_t hash_bytes(const void *p, size_t len) {
        uint64_t h = 0xcbf29ce484222325u;
        for (const unsigned char *c = p, *end = c + len; c < end; c++)
                h = (h ^ *c) * 0x100000001b3u;
        h ^= h >> 32;
        h *= 0x9e3779b97f4a7c15u;
        return h ^ (h >> 29);
}

/* The slot of the string, or the free one where it belongs. */
static size_t slot_of(const struct arena *a, const char *s, size_t len) {
        size_t i = hash_bytes(s, len) & (a->slots - 1);
        while (a->table[i] && (strncmp(a->table[i], s, len) != 0 || a->table[i][len] != '\0'))
                i = (i + 1) & (a->slots - 1);
        return i;
}

static void table_grow(struct arena *a) {
        struct arena old = *a;
        a->slots = old.slots ? old.slots * 2 : 1024;
        a->table = xcalloc(a->slots, sizeof(*a->table));
        for (size_t i = 0; i < old.slots; i++)
                if (old.table[i])
                        a->table[slot_of(a, old.table[i], strlen(old.table[i]))] = old.table[i];
        free(old.table);
}

const char *arena_text_n(struct arena *a, const char *s, size_t len) {
        if (a->n * 2 >= a->slots)
                table_grow(a);
        size_t i = slot_of(a, s, len);
        if (!a->table[i]) {
                char *copy = arena_alloc(a, len + 1, 1);
                memcpy(copy, s, len);
                a->table[i] = copy;
                a->n++;
        }
        return a->table[i];
}

const char *arena_text(struct arena *a, const char *s) {
        return s ? arena_text_n(a, s, strlen(s)) : NULL;
}

const char *arena_find(const struct arena *a, const char *s) {
        return s && a->slots ? a->table[slot_of(a, s, strlen(s))] : NULL;
}
