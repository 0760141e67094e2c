/**
 * What the OCI runtime validation suite asserts, as tests of our own: each runs against runc and crun, which tests the tests, and against
 * the subject. Where the specification and what callers rely on disagree, the reason stands beside the expectation.
 */
@NullMarked
package dev.caisson.tests.conformance.oci;

import org.jspecify.annotations.NullMarked;
