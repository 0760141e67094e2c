/**
 * The OCI runtime-spec 1.3 as values: a container's configuration, its state and a runtime's features.
 *
 * <p>The package owns the JSON forms and the rules that can be judged from a configuration alone. It asks the host nothing, starts no
 * thread and keeps no state; every type is immutable unless it is called a builder. Fields that only concern Windows, Solaris, z/OS,
 * FreeBSD or virtual machines are not represented: the reader passes over them as over any unknown property.
 *
 * <p>Start with {@link dev.caisson.oci.SpecReader} (bytes to {@link dev.caisson.oci.Spec}), then {@link
 * dev.caisson.oci.SpecValidator} (rules).
 *
 * <p>Conventions of the records: an absent list or map is empty; an absent object, string or number is {@code null}; an optional string
 * that is present but empty counts as absent, because the Go structures that every known caller serialises cannot tell the two apart.
 * Unsigned 32-bit fields are {@code long}; unsigned 64-bit fields are {@code long} bit patterns and say so.
 */
@NullMarked
package dev.caisson.oci;

import org.jspecify.annotations.NullMarked;
