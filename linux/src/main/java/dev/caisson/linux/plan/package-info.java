/**
 * Launch plans: lists of system calls as data, computed in Java and played by the monitor. Owns the
 * encoding (see {@code monitor/src/plan.h}) and the readable dump; knows nothing of containers. Pure:
 * starts no thread, opens no file. Start reading at {@link dev.caisson.linux.plan.PlanBuilder}.
 */
@NullMarked
package dev.caisson.linux.plan;

import org.jspecify.annotations.NullMarked;
