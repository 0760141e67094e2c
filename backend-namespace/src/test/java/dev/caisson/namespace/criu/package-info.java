@NullMarked
package dev.caisson.namespace.criu;

import org.jspecify.annotations.NullMarked;
