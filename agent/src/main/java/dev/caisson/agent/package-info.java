/** The daemon of a virtual machine. It is to the monitor that is process 1 there what caissond is to the monitors of a host. */
@NullMarked
package dev.caisson.agent;

import org.jspecify.annotations.NullMarked;
