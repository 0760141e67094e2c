@NullMarked
package dev.caisson.namespace.plan;

import org.jspecify.annotations.NullMarked;
