/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.policy;

import org.jspecify.annotations.NullMarked;
