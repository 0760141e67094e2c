/**
 * Containers as units of a systemd: what a unit's properties are, and the few calls of its manager on the bus. The only package that
 * knows the D-Bus library, whose classes are loaded when the first container asks for the systemd driver.
 */
@NullMarked
package dev.caisson.namespace.systemd;

import org.jspecify.annotations.NullMarked;
