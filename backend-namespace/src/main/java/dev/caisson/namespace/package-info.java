/**
 * The namespace wall: the host kernel's namespaces, cgroups, capabilities and seccomp, as runc and crun use them. Owns a
 * container's effects (cgroups, hooks, launches); what they are is computed in {@link dev.caisson.namespace.plan}. Start reading at
 * {@link dev.caisson.namespace.NamespaceBackend}.
 */
@NullMarked
package dev.caisson.namespace;

import org.jspecify.annotations.NullMarked;
