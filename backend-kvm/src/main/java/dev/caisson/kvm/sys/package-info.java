/** The KVM interface of the kernel (Documentation/virt/kvm/api.rst): one class per kind of descriptor. Start reading at {@link Kvm}. */
@NullMarked
package dev.caisson.kvm.sys;

import org.jspecify.annotations.NullMarked;
