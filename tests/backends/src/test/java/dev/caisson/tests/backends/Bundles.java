package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.Bundles.BASE;
import static dev.caisson.tests.backends.Bundles.SIZE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.Bundle;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.util.ArrayList;
import java.util.List;

/** Changes of a bundle that several tests want. */
final class Bundles {
    /** First host id of a container's user namespace. */
    static final long BASE = 200_000;

    static final long SIZE = 65_536;

    private Bundles() {}

    /** 0 when a node of this device can be opened for writing, 7 when not, 9 when it cannot even be made. */
    static String opens(String device) {
        return "rm -f /k; mknod /k c " + device + " || exit 9; (exec 3> /k) && exit 0; exit 7";
    }

    /** May make device nodes. */
    static Bundle withMknod(Bundle bundle) {
        List<String> mknod = List.of("CAP_MKNOD");
        return bundle.process(
                p -> p.capabilities = new ProcessSpec.Capabilities(mknod, mknod, List.of(), mknod, List.of()));
    }

    static Bundle withMounts(Bundle bundle, Mount... more) {
        return bundle.spec(s -> {
            Spec.Builder b = s.toBuilder();
            List<Mount> mounts = new ArrayList<>(s.mounts());
            mounts.addAll(List.of(more));
            b.mounts = mounts;
            return b.build();
        });
    }

    /** The container's root is host user {@link #BASE}; the files of its image belong to that user. */
    static Bundle withUserNamespace(Bundle bundle) throws Exception {
        assertThat(new ProcessBuilder(
                                "chown",
                                "-R",
                                BASE + ":" + BASE,
                                bundle.rootfs("").toString())
                        .start()
                        .waitFor())
                .isZero();
        // The way to the bundle is root's alone, as containerd's is.
        return bundle.linux(l -> {
            List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
            namespaces.add(new Linux.Namespace(NamespaceType.USER, null));
            l.namespaces = namespaces;
            l.uidMappings = List.of(new IdMapping(0, BASE, SIZE));
            l.gidMappings = List.of(new IdMapping(0, BASE, SIZE));
        });
    }
}
