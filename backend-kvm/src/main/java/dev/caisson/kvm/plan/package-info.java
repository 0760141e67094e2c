/** Launch plans of this wall. Pure: they start no thread and open no file. */
@NullMarked
package dev.caisson.kvm.plan;

import org.jspecify.annotations.NullMarked;
