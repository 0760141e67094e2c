package dev.caisson.namespace;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.bpf.DevicePolicy;
import dev.caisson.linux.bpf.DeviceProgram;
import dev.caisson.linux.bpf.DeviceRule;
import dev.caisson.linux.bpf.InvalidProfileException;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupResources;
import dev.caisson.oci.Resources;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which devices a container may use, as the host's cgroups enforce it: by the v1 controller's files where it is mounted, by a program
 * in the version 2 group otherwise.
 *
 * <p>Nothing is allowed that no rule allows, besides {@link DevicePolicy#DEFAULT_ALLOWANCES}: a configuration without rules does not
 * open the host's disks. The allowances let init make every node after it joined the group; to open one is another matter.
 *
 * @param policy what holds from now on
 * @param v1Rules writes that lead the v1 group there; empty on a version 2 host
 * @param program for the version 2 group; null where there is nothing to attach
 */
record DeviceRules(
        DevicePolicy policy,
        List<CgroupResources.DeviceRule> v1Rules,
        @Nullable DeviceProgram program) {
    DeviceRules {
        v1Rules = List.copyOf(v1Rules);
    }

    private static final DeviceRule NOTHING =
            new DeviceRule(false, DeviceRule.Kind.ALL, DeviceRule.ANY, DeviceRule.ANY, DeviceRule.RWM);

    /**
     * @param present what the group enforces now
     * @throws CgroupException when the rules cannot be enforced, naming the one to blame
     */
    static DeviceRules of(List<Resources.DeviceRule> rules, DevicePolicy present, Host host) throws CgroupException {
        List<DeviceRule> all = new ArrayList<>(rules.size() + 1);
        all.add(NOTHING);
        for (Resources.DeviceRule rule : rules) {
            all.add(translate(rule));
        }
        try {
            DevicePolicy policy = DevicePolicy.ofContainer(all);
            CgroupLayout layout = host.cgroups();
            if (layout.of("devices") == null) {
                boolean attach = layout.unified() != null && !policy.allowsEverything();
                return new DeviceRules(policy, List.of(), attach ? DeviceProgram.of(policy) : null);
            }
            List<CgroupResources.DeviceRule> writes = new ArrayList<>();
            // The kernel refuses such writes in a user namespace, and mknod as well.
            if (!host.inUserNamespace() && host.user() == null) {
                for (DevicePolicy.V1Write write : present.v1WritesTo(policy)) {
                    writes.add(new CgroupResources.DeviceRule(write.file().equals("devices.allow"), write.text()));
                }
            }
            return new DeviceRules(policy, writes, null);
        } catch (InvalidProfileException e) {
            throw new CgroupException("set devices: " + e.getMessage(), e);
        }
    }

    private static DeviceRule translate(Resources.DeviceRule rule) {
        DeviceRule.Kind kind = switch (rule.type()) {
            case ALL -> DeviceRule.Kind.ALL;
            case CHAR -> DeviceRule.Kind.CHAR;
            case BLOCK -> DeviceRule.Kind.BLOCK;
        };
        return new DeviceRule(rule.allow(), kind, number(rule.major()), number(rule.minor()), access(rule.access()));
    }

    private static long number(@Nullable Long n) {
        return n == null || n < 0 ? DeviceRule.ANY : n;
    }

    private static int access(@Nullable String letters) {
        if (letters == null) {
            return DeviceRule.RWM;
        }
        return (letters.contains("r") ? DeviceRule.READ : 0)
                | (letters.contains("w") ? DeviceRule.WRITE : 0)
                | (letters.contains("m") ? DeviceRule.MKNOD : 0);
    }

    /** Attaches the program, if there is one. */
    void attach(Cgroup cgroup, Host host) throws ErrnoException, CgroupException {
        if (program == null) {
            return;
        }
        try {
            cgroup.attachDeviceProgram(program.toBytes());
        } catch (ErrnoException e) {
            // Without rights over the host's devices there is nothing to take away: what such a container can open, its
            // maker could.
            if ((!host.inUserNamespace() && host.user() == null) || e.errno() != Errno.EPERM) {
                throw e;
            }
        }
    }
}
