@NullMarked
package dev.caisson.agent;

import org.jspecify.annotations.NullMarked;
