/**
 * What every backend must do, as tests: {@link dev.caisson.backend.testkit.BackendContract} is extended once per backend with a way to
 * get a pod's launcher. Needs root, and busybox as the only image.
 */
@NullMarked
package dev.caisson.backend.testkit;

import org.jspecify.annotations.NullMarked;
