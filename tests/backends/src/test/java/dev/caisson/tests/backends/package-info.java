/** The backends under a real monitor, without a daemon: the test plays its part. Start reading at {@link MonitorPod}. */
@NullMarked
package dev.caisson.tests.backends;

import org.jspecify.annotations.NullMarked;
