/** What is said to the agent in a guest, and how: its services over a machine's vsock, and what of a configuration reaches it. */
@NullMarked
package dev.caisson.kvm.guest;

import org.jspecify.annotations.NullMarked;
