/* An intrusive doubly linked list: the node lives in the element, which somebody else owns. */
#ifndef POSTERN_BASE_LIST_H
#define POSTERN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list {
	struct list *next;
	struct list *prev;
};

/* By way of an integer, so that a const node gives no warning where the element is not changed. */
#define CONTAINER_OF(node, type, member) ((type *)((uintptr_t)(node)-offsetof(type, member)))

/* Walks; the element may be removed while it is visited. */
#define LIST_EACH(head, node)                                                                      \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head);          \
	     node = node##_next, node##_next = node->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *l, struct list *node)
{
	node->prev = l->prev;
	node->next = l;
	l->prev->next = node;
	l->prev = node;
}

/* Removes; the node may be removed again without harm. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = node;
}

#endif
