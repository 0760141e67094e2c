/** What a user of containerd sees of a runtime, asserted under a real containerd. */
@NullMarked
package dev.caisson.tests.conformance;

import org.jspecify.annotations.NullMarked;
