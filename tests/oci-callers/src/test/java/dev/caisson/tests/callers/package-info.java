/** Programs that call an OCI runtime: each script runs against runc, which tests the test, and against the subject. */
@NullMarked
package dev.caisson.tests.callers;

import org.jspecify.annotations.NullMarked;
