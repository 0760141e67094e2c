@NullMarked
package dev.caisson.trap.egress;

import org.jspecify.annotations.NullMarked;
