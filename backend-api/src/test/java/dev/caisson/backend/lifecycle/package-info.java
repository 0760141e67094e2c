@NullMarked
package dev.caisson.backend.lifecycle;

import org.jspecify.annotations.NullMarked;
