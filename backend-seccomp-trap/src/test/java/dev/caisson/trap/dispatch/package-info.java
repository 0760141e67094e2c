/** Tests of the package of the same name. */
@NullMarked
package dev.caisson.trap.dispatch;

import org.jspecify.annotations.NullMarked;
