/**
 * What the suites against a real containerd share: a containerd of one's own ({@link
 * dev.caisson.tests.support.PrivateContainerd}), images made from what the machine has, drivers for {@code ctr}, gRPC and
 * the CRI, and the proof that a suite left nothing behind ({@link dev.caisson.tests.support.LeakCheck}).
 */
@NullMarked
package dev.caisson.tests.support;

import org.jspecify.annotations.NullMarked;
