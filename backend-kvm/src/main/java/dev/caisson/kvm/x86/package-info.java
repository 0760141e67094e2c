/** What a PC looks like to a kernel that starts on it: map of memory, ACPI tables, CPUID. Pure functions over bytes and guest memory. */
@NullMarked
package dev.caisson.kvm.x86;

import org.jspecify.annotations.NullMarked;
