@NullMarked
package dev.caisson.namespace.systemd;

import org.jspecify.annotations.NullMarked;
