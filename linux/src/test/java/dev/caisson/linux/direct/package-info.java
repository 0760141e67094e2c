@NullMarked
package dev.caisson.linux.direct;

import org.jspecify.annotations.NullMarked;
