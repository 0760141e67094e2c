@NullMarked
package dev.caisson.image;

import org.jspecify.annotations.NullMarked;
