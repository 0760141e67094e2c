@NullMarked
package dev.caisson.namespace;

import org.jspecify.annotations.NullMarked;
