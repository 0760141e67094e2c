/**
 * Computes launch plans for containers: specification and host facts in, plan out. Pure: starts no thread, opens no file. The
 * order of the steps is the order of runc's init (see each class), and golden files in the tests make a change of it visible.
 * Start reading at {@link dev.caisson.namespace.plan.InitPlan}.
 */
@NullMarked
package dev.caisson.namespace.plan;

import org.jspecify.annotations.NullMarked;
